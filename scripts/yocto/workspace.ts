import { access, cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { capture } from "../lib/run.ts";
import type { Places } from "./places.ts";

const TEMPLATES = "test/yocto/conf";

export interface Workspace {
  readonly places: Places;
  /** The copy of the layer. Its path must not change, or BitBake throws its cache away. */
  readonly layer: string;
  readonly stubs: string;
  /** A tree as a release unpacks to. */
  readonly tree: string;
  readonly one: string;
  readonly two: string;
  readonly check: string;
  readonly boot: string;
  readonly machines: string;
  readonly uBoot: string;
  /** Stands where a reader of the guide begins: it does not have the layer yet. */
  readonly guide: string;
}

/** Copies the layer, the stubs and a release tree into the work folder, and configures both builds. */
export async function prepare(places: Places): Promise<Workspace> {
  await access("dist/switchback.mjs").catch(() => {
    throw new Error("there is no dist/switchback.mjs: run `npm run build` first");
  });
  const at = (name: string): string => join(places.work, name);
  const workspace = {
    ...{ places, layer: at("meta-switchback"), stubs: at("meta-stubs"), tree: at("switchback") },
    ...{ one: at("one"), two: at("two"), check: at("check"), boot: at("boot"), machines: at("machines") },
    ...{ uBoot: at("u-boot"), guide: at("guide/build") },
  };
  await mkdir(places.work, { recursive: true });
  await replace("yocto-layer", workspace.layer);
  await replace("test/yocto/meta-stubs", workspace.stubs);
  await replace("yocto-boards", at("yocto-boards"));
  await copyTree(workspace.tree);
  const real = [join(places.core, "meta"), places.metaOe];
  await configure(workspace.one, [...real, workspace.layer], await oneConf());
  await configure(workspace.two, [...real, workspace.layer, workspace.stubs], await twoConf(workspace));
  await configure(workspace.boot, [...real, workspace.layer, workspace.stubs], await twoConf(workspace));
  const bsp = [places.folders["meta-yocto"]?.concat("/meta-yocto-bsp"), places.folders["meta-raspberrypi"]].filter(
    (path) => path !== undefined,
  );
  const boards = [...real, workspace.layer, at("yocto-boards"), ...bsp];
  await configure(workspace.machines, boards, (await template("common.conf")) + (await template("machines.conf")));
  if (places.uBoot !== undefined) {
    const conf = (await template("u-boot.conf")).replaceAll("@U-BOOT@", places.uBoot);
    const local = (await twoConf(workspace, "(?!bsp/u-boot/u-boot_)")) + conf;
    await configure(workspace.uBoot, [...real, workspace.layer, at("yocto-boards"), workspace.stubs], local);
  }
  await configure(workspace.guide, [join(places.core, "meta"), workspace.stubs], await guideConf());
  // yocto-check-layer adds the layer itself, to compare what other recipes are before and after.
  const withoutLayer = `${await twoConf(workspace)}BBMASK += "/meta-stubs/recipes-stubs/modules/"\n`;
  await configure(workspace.check, [...real, workspace.stubs], withoutLayer);
  return workspace;
}

/** Replaces a folder by a copy of another one. */
export async function replace(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await cp(from, to, { recursive: true, verbatimSymlinks: true });
}

/** The files of the checkout that a release has. A folder `.git` would make BitBake look for a repository. */
async function copyTree(to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await mkdir(to, { recursive: true });
  for (const name of ["LICENSE", "package.json", "dist"]) await cp(name, join(to, name), { recursive: true });
}

const template = (name: string): Promise<string> => readFile(join(TEMPLATES, name), "utf8");

const oneConf = async (): Promise<string> => (await template("common.conf")) + (await template("stage-one.conf"));

/** @param keep a look-ahead for recipes of OE-Core that are not left out */
const stubsConf = async (keep = ""): Promise<string> =>
  (await template("common.conf")) + (await template("stage-two.conf")).replace("@KEEP@", keep);

const twoConf = async ({ tree }: Workspace, keep = ""): Promise<string> =>
  (await stubsConf(keep)) + (await template("agent.conf")).replaceAll("@TREE@", tree);

const guideConf = async (): Promise<string> => (await stubsConf()) + (await template("guide.conf"));

async function configure(build: string, layers: readonly string[], local: string): Promise<void> {
  const conf = join(build, "conf");
  await mkdir(conf, { recursive: true });
  const bblayers = await template("bblayers.conf");
  await replaceText(join(conf, "bblayers.conf"), bblayers.replace("@LAYERS@", layers.join(" ")));
  await replaceText(join(conf, "local.conf"), local);
}

/** BitBake parses everything again after its configuration has changed. */
async function replaceText(path: string, text: string): Promise<void> {
  const old = await readFile(path, "utf8").catch(() => ""); // ignored: it does not exist yet
  if (old !== text) await writeFile(path, text);
}

/** Lines of a configuration: name, with an operator behind it unless that is `=`, and value. */
export type Lines = Readonly<Record<string, string>>;

/** Adds lines to the configuration of a build. */
export async function withSettings(build: string, settings: Lines): Promise<void> {
  const lines = Object.entries(settings).map(
    ([name, value]) => `${name}${name.endsWith("=") ? "" : " ="} "${value}"\n`,
  );
  await replaceText(join(build, "conf/auto.conf"), lines.join(""));
}

/** The folder of a machine below DEPLOY_DIR/images, whatever the release calls TMPDIR. */
export async function deployed(build: string, machine = "qemux86-64"): Promise<string> {
  const [tmp = "tmp"] = (await readdir(build)).filter((name) => /^tmp(?:-|$)/.test(name));
  return join(build, tmp, "deploy/images", machine);
}

/** Removes what a build has made, and keeps its configuration. */
export async function clear(build: string): Promise<void> {
  for (const name of await readdir(build))
    if (name !== "conf") await rm(join(build, name), { recursive: true, force: true });
}

/**
 * Gives the work folder to the user that runs BitBake. A server of BitBake that still ends removes files of its own
 * meanwhile, so that only what belongs to others is touched.
 */
export async function handOver({ places }: Workspace): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const others = ["-ignore_readdir_race", "!", "-user", places.user];
  const { code, output } = await capture("find", [
    places.work,
    ...others,
    "-exec",
    "chown",
    "-h",
    places.user,
    "{}",
    "+",
  ]);
  if (code !== 0)
    throw new Error(`BitBake needs an ordinary user: create it with \`useradd -m ${places.user}\`. ${output.trim()}`);
}
