import { cp, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expectClean } from "../../scripts/yocto/bitbake.ts";
import { clear, deployed, replace, type Workspace } from "../../scripts/yocto/workspace.ts";

/** Layer of the guide's reader, for the recipes that the guide shows. */
const LAYER_CONF = `BBPATH .= ":\${LAYERDIR}"
BBFILES += "\${LAYERDIR}/recipes-*/*/*.bb \${LAYERDIR}/recipes-*/*/*.bbappend"
BBFILE_COLLECTIONS += "mine"
BBFILE_PATTERN_mine = "^\${LAYERDIR}/"
LAYERSERIES_COMPAT_mine = "scarthgap wrynose"
`;

/** The folders of a reader who follows docs/guides/yocto.md: a build beside the repositories, and a layer of their own. */
export class GuideBuild {
  readonly home: string;
  readonly #workspace: Workspace;

  constructor(workspace: Workspace) {
    this.#workspace = workspace;
    this.home = dirname(workspace.guide);
  }

  static async make(workspace: Workspace): Promise<GuideBuild> {
    const build = new GuideBuild(workspace);
    await clear(workspace.guide);
    for (const name of ["meta-openembedded", "switchback", "meta-mine", "secure"])
      await rm(build.at(name), { recursive: true, force: true });
    await symlink(workspace.places.repositories["meta-openembedded"], build.at("meta-openembedded"));
    await replace(workspace.tree, build.at("switchback"));
    await cp("yocto-layer", build.at("switchback/yocto-layer"), { recursive: true });
    await build.write("meta-mine/conf/layer.conf", LAYER_CONF);
    return build;
  }

  at(path: string): string {
    return join(this.home, path);
  }

  async write(path: string, text: string): Promise<void> {
    await mkdir(dirname(this.at(path)), { recursive: true });
    await writeFile(this.at(path), text);
  }

  /** Adds lines to conf/local.conf, as the guide says. */
  async configure(lines: string): Promise<void> {
    const path = join(this.#workspace.guide, "conf/local.conf");
    await writeFile(path, `${await readFile(path, "utf8")}\n${lines}`);
  }

  /** Types a line in the folder of the build. @throws if it fails, or if BitBake warns */
  async type(line: string): Promise<string> {
    const { output } = await expectClean(this.#workspace, this.#workspace.guide, ["sh", "-c", line]);
    return output;
  }

  /** A result, below DEPLOY_DIR_IMAGE. */
  async result(name: string): Promise<string> {
    return join(await deployed(this.#workspace.guide), name);
  }
}
