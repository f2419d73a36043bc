import { readFile } from "node:fs/promises";
import { capture } from "../lib/run.ts";
import { debianChangelog } from "./changelog.ts";
import { copyrightText } from "./copyright.ts";
import type { Maintainer } from "./deb.ts";
import { outputsOf, type Programs } from "./program-files.ts";
import { packagesIn } from "./sbom.ts";

/** What all packages of one build have in common. */
export interface Release extends Programs {
  readonly version: string;
  readonly maintainer: Maintainer;
  /** Time of every file in the packages, in seconds. */
  readonly epoch: number;
  /** The folder with the bundle and the scripts that ship with it. */
  readonly dist: string;
  readonly changelog: string;
  readonly copyright: string;
  readonly serverCopyright: string;
  readonly fleetCopyright: string;
}

/** @param dist with the programs, each below the folder that the build gives it, and the scripts */
export async function describeRelease(dist: string, programs: Programs, env: NodeJS.ProcessEnv): Promise<Release> {
  const { version } = JSON.parse(await readFile("package.json", "utf8"));
  const maintainer = {
    name: env["DEBFULLNAME"] ?? "Switchback maintainers",
    email: env["DEBEMAIL"] ?? "maintainers@switchback.invalid",
  };
  const epoch = await epochOf(env);
  return {
    version,
    maintainer,
    epoch,
    dist,
    ...programs,
    changelog: debianChangelog(await readFile("CHANGELOG.md", "utf8"), version, maintainer, epoch),
    copyright: await copyrightText(packagesIn(outputsOf(programs, "whole"))),
    serverCopyright: await copyrightText(packagesIn(outputsOf(programs, "server"))),
    fleetCopyright: await copyrightText(packagesIn(outputsOf(programs, "fleet"))),
  };
}

/** `SOURCE_DATE_EPOCH`, or the time of the last commit. The time of this run would make each build another one. */
async function epochOf(env: NodeJS.ProcessEnv): Promise<number> {
  const given = env["SOURCE_DATE_EPOCH"] ?? (await lastCommit());
  if (!/^\d{1,12}$/.test(given))
    throw new Error(
      "Set SOURCE_DATE_EPOCH to the time of the source in seconds: there is no commit whose time counts.",
    );
  return Number(given);
}

async function lastCommit(): Promise<string> {
  const { code, stdout } = await capture("git", ["log", "-1", "--format=%ct"]).catch(() => ({ code: 1, stdout: "" })); // ignored: no git, so the variable must be set.
  return code === 0 ? stdout.trim() : "";
}
