import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BUDGET } from "../../../scripts/lib/bundle-budget.ts";
import { CONSOLE_PACKAGES } from "../../../scripts/lib/console-bundle.ts";
import { HARNESS_BUDGET } from "../../../scripts/lib/harness-bundle.ts";
import { SERVER_BUDGET } from "../../../scripts/lib/server-bundle.ts";
import { outputsOf } from "../../../scripts/package/program-files.ts";
import type { Release } from "../../../scripts/package/release.ts";
import { sbom } from "../../../scripts/package/sbom.ts";
import { BuiltPackages, EPOCH } from "./built-packages.ts";

let packages: BuiltPackages;
let release: Release;

beforeAll(async () => {
  packages = await BuiltPackages.make();
  release = await packages.release("1.2.3");
});
afterAll(() => packages?.remove());

const delivered = { name: "switchback", type: "deb", version: "1.2.3", sha256: "a".repeat(64) } as const;
const of = async (metafile = release.metafile) =>
  JSON.parse(await sbom(delivered, outputsOf({ ...release, metafile }, "device"), EPOCH));

const FLEET_PACKAGES = new Set(["commander"]);

/** The rules of CycloneDX 1.6 for everything that our documents contain. */
const HASH_LENGTHS: Readonly<Record<string, number>> = { "SHA-256": 64, "SHA-384": 96, "SHA-512": 128 };
const TYPES = ["application", "framework", "library", "container", "operating-system", "device", "firmware", "file"];
const DOCUMENT = [
  "$schema",
  "bomFormat",
  "specVersion",
  "serialNumber",
  "version",
  "metadata",
  "components",
  "dependencies",
];
const COMPONENT = ["type", "bom-ref", "group", "name", "version", "hashes", "licenses", "purl"];

interface Component {
  readonly group?: string;
  readonly type: string;
  readonly "bom-ref": string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly hashes: readonly { readonly alg: string; readonly content: string }[];
  readonly licenses: readonly ({ readonly license: { readonly id: string } } | { readonly expression: string })[];
}

function check(component: Component): void {
  expect(Object.keys(component).filter((key) => !COMPONENT.includes(key))).toEqual([]);
  expect(TYPES).toContain(component.type);
  expect(component.name).toMatch(/^[\w.-]+$/);
  expect(component.version).toMatch(/^\d+\.\d+\.\d+/);
  expect(component.purl).toMatch(
    /^pkg:(?:npm|deb|generic)\/(?:%40[\w.-]+\/|switchback\/)?[\w.-]+@[\d.]+(?:\?arch=all)?$/,
  );
  expect(component.hashes.length).toBeGreaterThan(0);
  for (const { alg, content } of component.hashes)
    expect(content).toMatch(new RegExp(`^[0-9a-f]{${HASH_LENGTHS[alg] ?? 0}}$`));
  expect(component.licenses).toEqual([
    { license: { id: expect.stringMatching(/^(?:MIT|Apache-2\.0|ISC|BSD-[23]-Clause)$/) } },
  ]);
}

test("the document keeps the rules of CycloneDX 1.6", async () => {
  const document = await of();
  expect(Object.keys(document)).toEqual(DOCUMENT);
  expect(document).toMatchObject({ bomFormat: "CycloneDX", specVersion: "1.6", version: 1 });
  expect(document.serialNumber).toMatch(
    /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  expect(Object.keys(document.metadata)).toEqual(["timestamp", "lifecycles", "tools", "component"]);
  expect(document.metadata.timestamp).toBe("2023-11-14T22:13:20Z");
  const components: readonly Component[] = [document.metadata.component, ...document.components];
  for (const component of [...components, ...document.metadata.tools.components]) check(component);
  const refs = components.map((component) => component["bom-ref"]);
  expect(new Set(refs).size).toBe(refs.length);
  expect(document.dependencies.map(({ ref }: { ref: string }) => ref)).toEqual(refs);
  for (const { dependsOn } of document.dependencies) for (const ref of dependsOn) expect(refs).toContain(ref);
});

test("it lists the packages of which the bundle contains code, with what the lockfile says of them, and no other", async () => {
  const { components, metadata } = await of();
  const lock = JSON.parse(readFileSync("package-lock.json", "utf8")).packages;
  expect(components.map(({ name }: Component) => name)).toEqual([...BUDGET.packages].sort());
  for (const { name, version, hashes } of components as readonly Component[]) {
    const { integrity } = lock[`node_modules/${name}`];
    expect(version).toBe(JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8")).version);
    expect(`sha512-${Buffer.from(hashes[0]?.content ?? "", "hex").toString("base64")}`).toBe(integrity);
  }
  expect(metadata.component).toMatchObject({
    name: "switchback",
    version: "1.2.3",
    hashes: [{ content: delivered.sha256 }],
  });
  const inputs = {
    "node_modules/js-yaml/a.js": { bytesInOutput: 1 },
    "node_modules/argparse/a.js": { bytesInOutput: 1 },
  };
  const two = await of({ inputs: {}, outputs: { x: { bytes: 2, imports: [], exports: [], inputs } } });
  const edges = two.dependencies.map(({ ref, dependsOn }: { ref: string; dependsOn: readonly string[] }) =>
    [ref, ...dependsOn].map((found) => found.replace(/^.*\/|@.*/g, "")),
  );
  expect(edges).toEqual([["switchback", "js-yaml"], ["argparse"], ["js-yaml", "argparse"]]);
});

test("the document of the whole lists also what only the tools and the program for QEMU contain", async () => {
  const { components } = JSON.parse(await sbom(delivered, outputsOf(release, "whole"), EPOCH));
  const all = new Set([...BUDGET.packages, ...BUDGET.toolsPackages, ...HARNESS_BUDGET.packages]);
  expect(components.map(({ name }: Component) => name)).toEqual([...all].sort());
  const licences = Object.fromEntries((components as readonly Component[]).map((each) => [each.name, each.licenses]));
  const inCopyright = [...release.copyright.matchAll(/^Files: node_modules\/(.*)\/\*\n.*\nLicense: (.*)$/gm)];
  expect(Object.fromEntries(inCopyright.map(([, name, id]) => [name, [{ license: { id } }]]))).toEqual(licences);
  const { licenses } = JSON.parse(readFileSync("node_modules/ssh2/package.json", "utf8"));
  expect(licences["ssh2"]).toEqual([{ license: { id: licenses[0].type } }]);
});

test.each([
  ["server", "serverCopyright", [...SERVER_BUDGET.packages, ...CONSOLE_PACKAGES]],
  ["fleet", "fleetCopyright", FLEET_PACKAGES],
] as const)(
  "the document of the program %s lists what it contains, with the licences of its copyright",
  async (part, copyright, all) => {
    const { components } = JSON.parse(await sbom(delivered, outputsOf(release, part), EPOCH));
    const listed = (components as readonly Component[]).map(({ group, name, licenses }) => [
      group === undefined ? name : `${group}/${name}`,
      licenses,
    ]);
    expect(new Set(listed.map(([name]) => name))).toEqual(new Set(all));
    const stanzas = [
      ...release[copyright].matchAll(/^Files: node_modules\/(?:.*node_modules\/)?(.*)\/\*\n.*\nLicense: (.*)$/gm),
    ];
    // The document says what is offered, and the copyright what we chose.
    for (const one of listed) {
      const chosen = one[0] === "node-forge" ? "BSD-3-Clause" : one[0] === "qr" ? "Apache-2.0" : undefined;
      if (chosen !== undefined) one[1] = [{ license: { id: chosen } }];
    }
    expect(Object.fromEntries(stanzas.map(([, name, id]) => [name, [{ license: { id } }]]))).toEqual(
      Object.fromEntries(listed),
    );
  },
);

test("a package of which nothing is left in the bundle is not listed, and one that the lockfile lacks is refused", async () => {
  const outputs = {
    "dist/switchback.mjs": {
      bytes: 1,
      imports: [],
      exports: [],
      inputs: {} as Record<string, { bytesInOutput: number }>,
    },
  };
  const inputs = outputs["dist/switchback.mjs"].inputs;
  inputs["node_modules/zod/index.js"] = { bytesInOutput: 0 };
  expect((await of({ inputs: {}, outputs })).components).toEqual([]);
  inputs["node_modules/@scope/unknown/index.js"] = { bytesInOutput: 1 };
  await expect(of({ inputs: {}, outputs })).rejects.toThrow("node_modules/@scope/unknown");
});
