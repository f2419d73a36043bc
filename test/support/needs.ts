import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type SuiteAPI, type TestAPI, test } from "vitest";
import { ContainerEngine } from "../update-modules/container-engine.ts";

declare module "vitest" {
  interface TaskMeta {
    /** The reason why the test is skipped, in one line: the action that this machine does not allow. */
    lacks?: string;
  }
}

const PROBE = "switchback-probe-";

/** Runs a program. @returns its output, or why it failed */
function run(program: string, ...args: readonly string[]): { readonly output: string; readonly why?: string } {
  const { error, status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status === 0) return { output: stdout.trim() };
  const [line = ""] = (error?.message ?? stderr).trim().split("\n");
  // Remove the names of the program and of the probe's file: they do not help a reader.
  const reason = line.replace(new RegExp(`^${program}: |\\S*/${PROBE}\\S*:? `, "g"), "");
  return { output: "", why: `${program}: ${reason || `status ${status}`}` };
}

const tried = (program: string, ...args: readonly string[]): string | undefined => run(program, ...args).why;

function inFolder(act: (folder: string) => string | undefined): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), PROBE));
  try {
    return act(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function fileIn(folder: string): string {
  const file = join(folder, "file");
  writeFileSync(file, "");
  truncateSync(file, 1024 * 1024);
  return file;
}

const rootRefused = (): string | undefined => (process.getuid?.() === 0 ? undefined : "you are not root");

/** A file that several programs lock. If root created it, other users may not be able to open it. */
function lockable(file: string): string | undefined {
  try {
    closeSync(openSync(file, "a+"));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Options of `npm run yocto`, and the variables of the environment that the tests take them from. */
export const BITBAKE_PLACES = {
  bitbake: "SWITCHBACK_BITBAKE",
  "openembedded-core": "SWITCHBACK_OPENEMBEDDED_CORE",
  "meta-openembedded": "SWITCHBACK_META_OPENEMBEDDED",
  work: "SWITCHBACK_YOCTO_WORK",
} as const;

/** Those that some parts need, which are skipped without them. */
export const MORE_BITBAKE_PLACES = {
  "meta-yocto": "SWITCHBACK_META_YOCTO",
  "meta-raspberrypi": "SWITCHBACK_META_RASPBERRYPI",
  kas: "SWITCHBACK_KAS",
  "u-boot": "SWITCHBACK_U_BOOT",
} as const;

/**
 * What a test may need beyond the rights of an ordinary user. Each probe tries it and returns why it failed. User ids
 * and capabilities prove nothing: a container refuses to root what a desktop allows to every user.
 */
const PROBES = {
  root: rootRefused,
  mount: () => inFolder((folder) => tried("mount", "-t", "tmpfs", PROBE, folder) ?? tried("umount", folder)),
  loop: () =>
    inFolder((folder) => {
      const { output, why } = run("losetup", "--find", "--show", fileIn(folder));
      return why ?? tried("losetup", "--detach", output);
    }),
  chroot: () => tried("chroot", "/", "true"),
  mknod: () => inFolder((folder) => tried("mknod", join(folder, "null"), "c", "1", "3")),
  ext4: () => inFolder((folder) => tried("mkfs.ext4", "-q", fileIn(folder))),
  /** As root, or as a user who is root in a user namespace. */
  ownRoot: () => {
    const mounts = ["--mount", "--pid", "--fork", "mount", "-t", "proc", "proc", "/proc"];
    const asRoot = tried("unshare", ...mounts);
    return asRoot && tried("unshare", "--user", "--map-root-user", ...mounts);
  },
  /** Also fails if `/` is not a mount point, as in a chroot: unshare makes its mounts private there. */
  namespaces: () => tried("unshare", "--mount", "--pid", "--fork", "true"),
  /** A service manager needs control groups of its own. */
  cgroup: () =>
    inFolder((folder) =>
      tried(
        "unshare",
        "--mount",
        "sh",
        "-c",
        `mount -t cgroup2 ${PROBE} "$0" && rmdir "$(mktemp -d "$0/${PROBE}XXXXXX")"`,
        folder,
      ),
    ),
  network: () => tried("unshare", "--net", "true"),
  immutable: () =>
    inFolder((folder) => {
      const file = fileIn(folder);
      return tried("chattr", "+i", file) ?? tried("chattr", "-i", file);
    }),
  otherUser: () => tried("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "true"),
  ptrace: () => tried("strace", "-o", "/dev/null", "true"),
  bootLocks: () => lockable("/var/lock/fw_printenv.lock") ?? lockable("/var/lock/grub-mender-grubenv-set.lock"),
  runLocks: () => lockable("/run/fw_printenv.lock"),
  /** The repositories of a release of Yocto, and a folder in which BitBake's cache stays. */
  bitbake: () => {
    const unset = Object.values(BITBAKE_PLACES).filter((name) => process.env[name] === undefined);
    return unset.length === 0 ? undefined : `not set: ${unset.join(", ")}`;
  },
  containers: () =>
    rootRefused() ??
    inFolder((folder) => {
      try {
        const engine = new ContainerEngine(folder);
        engine.build("localhost/probe:1", "probe");
        return engine.contentOf("localhost/probe:1") === "probe" ? undefined : "an image loses its content";
      } catch (error) {
        return error instanceof Error ? error.message.split("\n")[0] : String(error);
      }
    }),
} as const satisfies Record<string, () => string | undefined>;

type Need = keyof typeof PROBES;

const answers = new Map<Need, string | undefined>();

/** Why this machine does not allow it, or `undefined`. Probes once per process. */
function refusal(need: Need): string | undefined {
  if (!answers.has(need)) answers.set(need, PROBES[need]());
  return answers.get(need);
}

type Declare = (title: unknown, options: unknown, run: unknown) => void;

const MODES: ReadonlySet<PropertyKey> = new Set(["concurrent", "sequential", "shuffle"]);

/** `api` with all tests skipped for the reason `lacks`. */
function skipping<Api extends TestAPI | SuiteAPI>(api: Api, lacks: string): Api {
  const options = { skip: true, meta: { lacks } };
  const skipped =
    (declare: Declare) =>
    (title: unknown, ...rest: readonly unknown[]): void =>
      declare(
        title,
        options,
        rest.find((part) => typeof part === "function"),
      );
  return new Proxy(api, {
    apply: (target, _self, [title, ...rest]) => skipped(target as Declare)(title, ...rest),
    get: (target, name) => {
      const own: unknown = Reflect.get(target, name);
      const isTable = (name === "each" || name === "for") && typeof own === "function";
      if (isTable) return (...rows: readonly unknown[]) => skipped(own.apply(target, rows));
      // A mode is declared like a test, and must not get around the skip.
      return MODES.has(name) ? skipping(own as Api, lacks) : own;
    },
  });
}

/**
 * `test` and `describe` for tests that need more rights than an ordinary user has: `const { test } = needs("loop",
 * "mount")` for a file, `needs("mount").test("…", …)` for one test. If the machine refuses, the test is skipped, and
 * `npm test` lists it with the reason. Hooks of a file or group do not run if all of its tests are skipped.
 */
export function needs(...needed: readonly [Need, ...Need[]]): { readonly test: TestAPI; readonly describe: SuiteAPI } {
  const refused = needed.flatMap((need) => {
    const why = refusal(need);
    return why === undefined ? [] : [`${need} (${why})`];
  });
  if (refused.length === 0) return { test, describe };
  const lacks = refused.join(", ");
  return { test: skipping(test, lacks), describe: skipping(describe, lacks) };
}
