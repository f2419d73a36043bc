import { access, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";

/** Where everything is that a check of the layer needs. All paths are absolute. */
export interface Places {
  readonly bitbake: string;
  readonly core: string;
  readonly metaOe: string;
  readonly work: string;
  /** Repositories with further machines, by name, as far as they are given. */
  readonly folders: Readonly<Partial<Record<keyof typeof MACHINE_SIGNS, string>>>;
  /** The repositories that every build needs, by name. */
  readonly repositories: Readonly<Record<keyof typeof SIGNS, string>>;
  /** Folder with the program kas, if it is given. */
  readonly kas?: string;
  /** Unpacked sources of U-Boot, if they are given. */
  readonly uBoot?: string;
  /** Runs BitBake if we are root. */
  readonly user: string;
  /** Name of the release, such as scarthgap. */
  readonly release: string;
}

export type Given = Readonly<
  Partial<Record<keyof typeof SIGNS | keyof typeof MACHINE_SIGNS | "kas" | "u-boot" | "work" | "user", string>>
>;

/** A file by which each folder is recognised. */
const SIGNS = {
  bitbake: "bin/bitbake",
  "openembedded-core": "meta/conf/layer.conf",
  "meta-openembedded": "meta-oe/conf/layer.conf",
} as const;

/** The same for repositories without which some machines are left out. */
const MACHINE_SIGNS = {
  "meta-yocto": "meta-yocto-bsp/conf/layer.conf",
  "meta-raspberrypi": "conf/layer.conf",
} as const;

/** @throws naming the option that is missing or wrong */
export async function expectPlaces(given: Given): Promise<Places> {
  const found = async (name: keyof Given, sign: string): Promise<string> => {
    const path = required(given, name);
    await access(join(path, sign)).catch(() => {
      throw new Error(`--${name} ${path}: there is no ${sign} in it`);
    });
    return path;
  };
  const folders: Partial<Record<keyof typeof MACHINE_SIGNS, string>> = {};
  for (const name of ["meta-yocto", "meta-raspberrypi"] as const)
    if (given[name] !== undefined) folders[name] = await found(name, MACHINE_SIGNS[name]);
  const repositories = {
    bitbake: await found("bitbake", SIGNS.bitbake),
    "openembedded-core": await found("openembedded-core", SIGNS["openembedded-core"]),
    "meta-openembedded": await found("meta-openembedded", SIGNS["meta-openembedded"]),
  };
  const core = repositories["openembedded-core"];
  return {
    ...{ bitbake: repositories.bitbake, core, metaOe: join(repositories["meta-openembedded"], "meta-oe") },
    ...{ folders, repositories },
    ...(given.kas !== undefined && { kas: await found("kas", "kas/__main__.py") }),
    ...(given["u-boot"] !== undefined && { uBoot: await found("u-boot", "scripts/kconfig/merge_config.sh") }),
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
