import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { filesBelow } from "./lib/files.ts";
import { passThrough, say } from "./lib/run.ts";
import { tierOf } from "./lib/tiers.ts";

/**
 * `npm run test:elsewhere [-- ARGUMENTS OF npm test]`: runs tests with fewer rights than yours: as root with the
 * capabilities of a usual container, and as an ordinary user. Needs root. Without arguments it runs the files that
 * declare what they need of a machine, except for the update modules, which take minutes.
 */
/** Not run without arguments. */
const MODULES = "test/update-modules/";

/** The capabilities that Docker and Podman leave to root. */
const CONTAINER_CAPABILITIES = [
  ...["chown", "dac_override", "fowner", "fsetid", "kill", "net_bind_service"],
  ...["setfcap", "setgid", "setpcap", "setuid", "sys_chroot"],
];

const IN_CONTAINER = [
  "--inh-caps=-all",
  `--bounding-set=-all,${CONTAINER_CAPABILITIES.map((one) => `+${one}`).join()}`,
];

/** Other users may not be able to read the repository, and the build must write: an overlay above it allows both. */
const AS_USER = `set -e
place="$1"; node="$2"; shift 2
mount -t tmpfs -o mode=755 switchback "$place"
mkdir "$place/upper" "$place/work" "$place/repo" "$place/bin" "$place/home"
mount -t overlay switchback -o "lowerdir=$PWD,upperdir=$place/upper,workdir=$place/work" "$place/repo"
touch "$place/bin/node"; mount --bind "$node" "$place/bin/node"
cd "$place/repo"
rm -rf dist node_modules/.cache node_modules/.vite*; mkdir dist node_modules/.cache
chmod 755 .; chown 65534:65534 . dist node_modules node_modules/.cache "$place/home"
export HOME="$place/home" PATH="$place/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
exec setpriv --reuid=65534 --regid=65534 --clear-groups node "$@"`;

const given = process.argv.slice(2);
const argv = ["scripts/run.mjs", "test", ...(given.length > 0 ? given : await usual())];

if (process.getuid?.() !== 0) throw new Error("only root can give up what root may do: run this as root");
say("As root in a container:");
const inContainer = await passThrough("setpriv", [...IN_CONTAINER, process.execPath, ...argv]);
say("As an ordinary user:");
const asUser = await runAsUser();
process.exitCode = inContainer === 0 && asUser === 0 ? 0 : 1;

async function usual(): Promise<string[]> {
  const files = (await filesBelow("test", ".test.ts")).filter((path) => !path.startsWith(MODULES));
  const declaring: string[] = [];
  for (const path of files) {
    const isOurs = ["unit", "tools"].includes(tierOf(path));
    if (isOurs && (await readFile(path, "utf8")).includes('/support/needs.ts"')) declaring.push(path);
  }
  return ["--tier", "unit", "--tier", "tools", ...declaring];
}

async function runAsUser(): Promise<number> {
  const place = await mkdtemp(join(tmpdir(), "switchback-elsewhere-"));
  const alone = ["--mount", "--propagation", "private"];
  try {
    return await passThrough("unshare", [...alone, "sh", "-c", AS_USER, "sh", place, process.execPath, ...argv]);
  } finally {
    await rm(place, { recursive: true });
  }
}
