import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { expect, test } from "vitest";
import { FEATURES } from "../../image/yocto/variables/features.ts";
import { variableNamed } from "../../image/yocto/variables/table.ts";
import { filesBelow } from "../../scripts/lib/files.ts";
import { blocksOf, GUIDE, isRecipe } from "./guide-blocks.ts";

const page = readFileSync(GUIDE, "utf8");
const blocks = blocksOf("bitbake");

/** Variables of OE-Core that the guide sets. */
const OF_OE_CORE = new Set(["EXTERNALSRC", "HOSTTOOLS", "INHERIT", "LICENSE", "S", "SRC_URI"]);
/** Classes of OE-Core that the guide inherits. */
const CLASSES_OF_OE_CORE = new Set(["externalsrc"]);

/** Assignments, without the lines of a task. */
const assignments = blocks.flatMap((block) =>
  [...block.replaceAll(/^do_\w+\(\) \{\n[\s\S]*?^\}$/gm, "").matchAll(/^(\w+)(?::[\w:-]+)? *[?:+]*= *"(.*)"$/gm)].map(
    ([, name = "", value = ""]) => ({ name, value }),
  ),
);

test("each block of the guide sets variables of the table and inherits classes of the layer", () => {
  expect(blocks.length).toBeGreaterThan(6);
  expect(assignments.length).toBeGreaterThan(14);
  for (const block of blocks) {
    const rest = block.replaceAll(/^do_\w+\(\) \{\n[\s\S]*?^\}$/gm, "").split("\n");
    const isKnown = (line: string): boolean => /^(?:|#.*|inherit \S+|\w+(?::[\w:-]+)? *[?:+]*= *".*")$/.test(line);
    expect(rest.filter((line) => !isKnown(line))).toEqual([]);
  }
  expect(assignments.filter(({ name }) => !OF_OE_CORE.has(name) && variableNamed(name) === undefined)).toEqual([]);
  const inherited = [
    ...blocks.flatMap((block) => [...block.matchAll(/^inherit (.*)$/gm)].map(([, name = ""]) => name)),
    ...assignments.filter(({ name }) => name === "INHERIT").flatMap(({ value }) => value.split(" ")),
  ];
  expect(inherited.length).toBe(5);
  const isClass = (name: string): boolean =>
    CLASSES_OF_OE_CORE.has(name) || existsSync(`yocto-layer/classes/${name}.bbclass`);
  expect(inherited.filter((name) => !isClass(name))).toEqual([]);
});

test("each variable, feature, recipe, package, machine and file that the guide names is in the layer", async () => {
  const code = [...page.matchAll(/`([^`\n]+)`/g)].map(([, text = ""]) => text);
  const variables = code.filter((text) => /^(?:MENDER|SWITCHBACK)_[A-Z_]*[A-Z]$/.test(text));
  expect(variables.length).toBeGreaterThan(8);
  expect(variables.filter((name) => variableNamed(name) === undefined)).toEqual([]);
  const rows = [...page.matchAll(/^\| (`[^|]+`) \| [^|]+ \| (?:yes|no|unless|on|with|`)[^|]* \|$/gm)];
  const features = rows.flatMap(([, names = ""]) => names.replaceAll("`", "").split(", "));
  expect(features.length).toBe(10);
  expect(features.filter((name) => !Object.hasOwn(FEATURES, name))).toEqual([]);
  const recipes = (await filesBelow("yocto-layer", ".bb")).map((path) => basename(path).replace(/_.*|\.bb$/, ""));
  expect(recipes).toEqual(expect.arrayContaining(["switchback-example-image", "switchback-state-scripts"]));
  const named = [...page.matchAll(/`switchback-module-(?!image`)([\w-]+)`/g)].map(([, name = ""]) => name);
  expect(named.filter((name) => !existsSync(`update-modules/${name}`)).length).toBe(0);
  expect(named.length).toBeGreaterThan(0);
  for (const [, file = ""] of page.matchAll(/(yocto-layer\/kas\/[\w-]+\.yml)/g))
    expect(existsSync(file), file).toBe(true);
  const machines = [...page.matchAll(/^\| (`[^|]+`) \| `[\w-]+` \| (?:GRUB|U-Boot) \|$/gm)];
  const names = machines.flatMap(([, list = ""]) => list.replaceAll("`", "").split(", "));
  expect(names.length).toBe(5);
  for (const name of names) expect(existsSync(`yocto-layer/conf/switchback/${name}.inc`), name).toBe(true);
});

test("the shell blocks of the guide call programs and recipes that exist", () => {
  const lines = blocksOf("sh").flatMap((block) => block.trim().split("\n"));
  expect(lines).toEqual([
    "npm ci && npm run build",
    expect.stringMatching(/^bitbake-layers add-layer \.\.\/meta-openembedded\/meta-oe \.\.\/switchback\/yocto-layer$/),
    "bitbake switchback-example-image",
    expect.stringMatching(/^bmaptool copy --nobmap switchback-example-image-MACHINE\.rootfs\.sdimg \/dev\/sdX$/),
    "switchback install https://server/release-2.mender",
    "reboot",
    "switchback commit",
  ]);
  expect(blocks.filter(isRecipe).length).toBe(3);
});
