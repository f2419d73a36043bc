import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bitbake } from "./bitbake.ts";
import { ask } from "./built.ts";
import { IMAGE_RECIPE, MACHINES } from "./machines.ts";
import { replace, type Workspace } from "./workspace.ts";

/** Lets kas read the file of each board, configure a build with it, and parse the example image there. */
export async function* stageKas(workspace: Workspace): AsyncGenerator<string> {
  const { places, tree } = workspace;
  if (places.kas === undefined) {
    yield "skipped, because --kas is missing";
    return;
  }
  const work = join(places.work, "kas");
  const checkout = join(work, "switchback");
  await rm(work, { recursive: true, force: true });
  await mkdir(work, { recursive: true });
  await replace(tree, checkout);
  for (const name of ["yocto-layer", "yocto-boards"]) await replace(name, join(checkout, name));
  // kas takes the folder of a repository as the root of its files.
  await ask("git", "init", "--quiet", checkout);
  for (const [machine, repository] of Object.entries(MACHINES)) {
    const path = repository === undefined ? undefined : places.folders[repository];
    if (repository !== undefined && path === undefined) {
      yield `${machine}: skipped, because --${repository} is missing`;
      continue;
    }
    const repositories = { ...places.repositories, ...(repository !== undefined && { [repository]: path }) };
    const local = `${machine}-here.yml`;
    await writeFile(join(checkout, local), JSON.stringify(hereOnly(repositories)));
    const next = places.release === "wrynose" ? ["yocto-layer/kas/wrynose.yml"] : [];
    const files = [`yocto-layer/kas/${machine}.yml`, ...next, local].join(":");
    const env = [`PYTHONPATH=${places.kas}`, `KAS_WORK_DIR=${work}`, `KAS_BUILD_DIR=${join(work, machine)}`];
    const command = `bitbake -e -b ../switchback/yocto-layer/${IMAGE_RECIPE}`;
    const argv = ["env", ...env, "/usr/bin/python3", "-m", "kas", "shell", files, "-c", command] as const;
    const { code, output, stdout } = await bitbake(workspace, checkout, argv);
    const value = (name: string): string => new RegExp(`^${name}="(.*)"$`, "m").exec(stdout)?.[1]?.trim() ?? "";
    if (code !== 0 || value("MACHINE") !== machine || value("MENDER_ARTIFACT_NAME") !== "release-1")
      throw new Error(
        `kas shell ${files} ended with status ${code}:\n${output.trim().split("\n").slice(-20).join("\n")}`,
      );
    yield `${machine}: configured by yocto-layer/kas/${machine}.yml, with ${value("MENDER_FEATURES")}`;
  }
}

/** A file for kas that takes repositories from where they are, and needs no network. */
const hereOnly = (repositories: Readonly<Record<string, string | undefined>>) => ({
  header: { version: 14 },
  repos: Object.fromEntries(
    Object.entries(repositories).map(([name, path]) => [name, { url: null, branch: null, path }]),
  ),
  local_conf_header: {
    offline:
      'BB_NO_NETWORK = "1"\nCONNECTIVITY_CHECK_URIS = ""\nINHERIT:remove = "uninative"\nSANITY_TESTED_DISTROS = ""\n',
  },
});
