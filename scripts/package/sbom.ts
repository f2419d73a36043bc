import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Metafile } from "esbuild";
import * as z from "zod/mini";

const Lockfile = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.optional(z.string()),
      license: z.optional(z.string()),
      integrity: z.optional(z.string()),
      dependencies: z.optional(z.record(z.string(), z.string())),
    }),
  ),
});
type Output = Metafile["outputs"][string];
type Locked = z.infer<typeof Lockfile>["packages"];

export interface Delivered {
  /** Name and type of the package that people get: `switchback`, `deb`. */
  readonly name: string;
  readonly type: "deb" | "generic";
  readonly version: string;
  /** SHA-256 of the delivered file, in hexadecimal. */
  readonly sha256: string;
}

/**
 * A CycloneDX 1.6 document of what a delivered file contains: our own program, and the packages of which the bundler
 * took at least a byte. Versions, licences and hashes come from the lockfile, and so do the edges between packages.
 *
 * @param outputs the outputs of the bundler that the file contains
 * @param epoch its time, in seconds
 */
export async function sbom(delivered: Delivered, outputs: readonly Output[], epoch: number): Promise<string> {
  const { packages } = Lockfile.parse(JSON.parse(await readFile("package-lock.json", "utf8")));
  const places = packagesIn(outputs);
  const own = {
    type: "application",
    "bom-ref": purlOf(delivered),
    name: delivered.name,
    version: delivered.version,
    licenses: [{ license: { id: packages[""]?.license ?? "" } }],
    purl: purlOf(delivered),
    hashes: [{ alg: "SHA-256", content: delivered.sha256 }],
  };
  const document = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      timestamp: new Date(epoch * 1000).toISOString().replace(".000Z", "Z"),
      lifecycles: [{ phase: "build" }],
      tools: { components: [npmComponent("node_modules/esbuild", packages)] },
      component: own,
    },
    components: places.map((place) => npmComponent(place, packages)),
    dependencies: [
      edges(own["bom-ref"], "", places, packages),
      ...places.map((place) => edges(refOf(place, packages), place, places, packages)),
    ],
  };
  const serialNumber = `urn:uuid:${uuidOf(JSON.stringify(document))}`;
  const { $schema, bomFormat, specVersion, ...rest } = document;
  return `${JSON.stringify({ $schema, bomFormat, specVersion, serialNumber, ...rest }, undefined, 2)}\n`;
}

/** Places of the packages in the lockfile, sorted: `node_modules/zod`. */
export function packagesIn(outputs: readonly Output[]): readonly string[] {
  const inputs = outputs.flatMap((output) => Object.entries(output.inputs));
  const places = inputs.flatMap(([path, { bytesInOutput }]) => {
    const place = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
    return place === undefined || bytesInOutput === 0 ? [] : [place.slice(place.indexOf("node_modules/"))];
  });
  return [...new Set(places)].sort();
}

const nameOf = (place: string): string => place.slice(place.lastIndexOf("node_modules/") + "node_modules/".length);

const purlOf = ({ type, name, version }: Delivered): string =>
  type === "deb" ? `pkg:deb/switchback/${name}@${version}?arch=all` : `pkg:generic/${name}@${version}`;

const refOf = (place: string, packages: Locked): string =>
  `pkg:npm/${nameOf(place).replace("@", "%40")}@${lockedAt(place, packages).version}`;

function npmComponent(place: string, packages: Locked) {
  const { version, license, integrity } = lockedAt(place, packages);
  const [group, name] = nameOf(place).startsWith("@") ? nameOf(place).split("/") : [undefined, nameOf(place)];
  return {
    type: "library",
    "bom-ref": refOf(place, packages),
    ...(group !== undefined && { group }),
    name,
    version,
    ...hashesOf(place, integrity),
    licenses: [license.includes(" ") ? { expression: license } : { license: { id: license } }],
    purl: refOf(place, packages),
  };
}

function lockedAt(place: string, packages: Locked): { version: string; license: string; integrity: string } {
  const { version, license = OLD_LICENCES[nameOf(place)], integrity } = packages[place] ?? {};
  if (version === undefined || license === undefined || integrity === undefined)
    throw new Error(`package-lock.json lacks version, license or integrity of ${place}`);
  return { version, license, integrity };
}

const ALGORITHMS: Readonly<Record<string, string>> = { sha256: "SHA-256", sha384: "SHA-384", sha512: "SHA-512" };

/** Licences of packages that name theirs in npm's old form, which the lockfile leaves out. */
export const OLD_LICENCES: Readonly<Record<string, string>> = { ssh2: "MIT" };

/** npm's integrity is that of the package's archive, in base64. */
function hashesOf(place: string, integrity: string) {
  const [, name = "", value = ""] = /^(sha\d+)-(\S+)$/.exec(integrity) ?? [];
  const alg = ALGORITHMS[name];
  if (alg === undefined) throw new Error(`${place}: unknown integrity "${integrity}"`);
  return { hashes: [{ alg, content: Buffer.from(value, "base64").toString("hex") }] };
}

/** What `place` depends on, of the packages that are part of the bundle. */
function edges(ref: string, place: string, places: readonly string[], packages: Locked) {
  const names = Object.keys(packages[place]?.dependencies ?? {});
  const targets = names.flatMap((name) => {
    const inside = `${place === "" ? "" : `${place}/`}node_modules/${name}`;
    return [inside, `node_modules/${name}`].filter((found) => places.includes(found)).slice(0, 1);
  });
  return { ref, dependsOn: targets.map((target) => refOf(target, packages)).sort() };
}

/** A UUID of version 5's form, from the content: the same document has the same serial number. */
function uuidOf(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `5${hex.slice(13, 16)}`,
    variant + hex.slice(17, 20),
    hex.slice(20, 32),
  ].join("-");
}
