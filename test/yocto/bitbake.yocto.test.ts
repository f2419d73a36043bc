import { expect } from "vitest";
import { capture } from "../../scripts/lib/run.ts";
import { BITBAKE_PLACES, needs } from "../support/needs.ts";

const { test } = needs("bitbake");

/** The first time, BitBake parses the metadata of OE-Core, and other work may share the machine. */
const LIMIT_MS = 60 * 60_000;

test("the layer parses, builds and passes yocto-check-layer with a real BitBake", { timeout: LIMIT_MS }, async () => {
  const places = Object.entries(BITBAKE_PLACES).flatMap(([option, variable]) => {
    const value = process.env[variable];
    return value === undefined ? [] : [`--${option}`, value];
  });
  const { code, output } = await capture(process.execPath, ["scripts/run.mjs", "yocto", ...places]);
  expect([code, output]).toEqual([0, expect.stringMatching(/: everything holds\n$/)]);
});
