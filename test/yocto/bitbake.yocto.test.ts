import { expect } from "vitest";
import { capture } from "../../scripts/lib/run.ts";
import { expectPlaces, type Given } from "../../scripts/yocto/places.ts";
import { prepare } from "../../scripts/yocto/workspace.ts";
import { BITBAKE_PLACES, MORE_BITBAKE_PLACES, needs } from "../support/needs.ts";
import { GuideBuild } from "./guide-build.ts";
import { walkGuide } from "./guide-walk.ts";

const { test } = needs("bitbake");

/** The first time, BitBake parses the metadata of OE-Core, and other work may share the machine. */
const LIMIT_MS = 60 * 60_000;

/** Options of `npm run yocto`, as far as the environment names them. */
const given: Given = Object.fromEntries(
  Object.entries({ ...BITBAKE_PLACES, ...MORE_BITBAKE_PLACES }).flatMap(([option, variable]) => {
    const value = process.env[variable];
    return value === undefined ? [] : [[option, value]];
  }),
);

test("a reader who does what the guide says gets an image, a signed Artifact and the recipes of the guide", {
  timeout: LIMIT_MS,
}, async () => {
  const build = await GuideBuild.make(await prepare(await expectPlaces(given)));
  expect((await walkGuide(build)).length).toBe(10);
});

test("the layer parses, builds and passes yocto-check-layer with a real BitBake", { timeout: LIMIT_MS }, async () => {
  const options = Object.entries(given).flatMap(([option, value]) => [`--${option}`, value]);
  const { code, output } = await capture(process.execPath, ["scripts/run.mjs", "yocto", ...options]);
  expect([code, output]).toEqual([0, expect.stringMatching(/: everything holds\n$/)]);
});
