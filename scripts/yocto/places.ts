import { access, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";

/** Where everything is that a check of the layer needs. All paths are absolute. */
export interface Places {
  readonly bitbake: string;
  readonly core: string;
  readonly metaOe: string;
  readonly work: string;
  /** Runs BitBake if we are root. */
  readonly user: string;
  /** Name of the release, such as scarthgap. */
  readonly release: string;
}

export type Given = Readonly<
  Partial<Record<"bitbake" | "openembedded-core" | "meta-openembedded" | "work" | "user", string>>
>;

/** A file by which each folder is recognised. */
const SIGNS = {
  bitbake: "bin/bitbake",
  "openembedded-core": "meta/conf/layer.conf",
  "meta-openembedded": "meta-oe/conf/layer.conf",
} as const;

/** @throws naming the option that is missing or wrong */
export async function expectPlaces(given: Given): Promise<Places> {
  const found = async (name: keyof typeof SIGNS): Promise<string> => {
    const path = required(given, name);
    const sign = join(path, SIGNS[name]);
    await access(sign).catch(() => {
      throw new Error(`--${name} ${path}: there is no ${SIGNS[name]} in it`);
    });
    return path;
  };
  const core = await found("openembedded-core");
  return {
    bitbake: await found("bitbake"),
    core,
    metaOe: join(await found("meta-openembedded"), "meta-oe"),
    work: required(given, "work"),
    user: given.user ?? "yocto",
    release: await releaseOf(core),
  };
}

function required(given: Given, name: keyof Given): string {
  const value = given[name];
  if (value === undefined) throw new Error(`--${name} is missing (--help shows an example)`);
  return resolve(value);
}

async function releaseOf(core: string): Promise<string> {
  const text = await readFile(join(core, "meta/conf/layer.conf"), "utf8");
  const [, name] = /^LAYERSERIES_CORENAMES\s*=\s*"([^\s"]+)/m.exec(text) ?? [];
  if (name === undefined) throw new Error(`--openembedded-core ${core}: meta/conf/layer.conf names no release`);
  return name;
}
