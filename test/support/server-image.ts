import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cached, hashOfFile } from "../../image/cache.ts";

const CONTAINERFILE = "deploy/Containerfile";
const BASE = "localhost/node";
const NAME = "localhost/switchback-server";
/** Without programs. It keeps what podman has installed from going with the other image. */
const EMPTY = `${NAME}:empty`;

/** What an image says about itself, as far as the tests read it. */
export interface ImageConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly ExposedPorts: Readonly<Record<string, object>>;
  /** How to ask whether it is well. */
  readonly Check: readonly string[];
}

export interface Ended {
  readonly status: number | null;
  readonly out: string;
}

/**
 * The image of the server, built from its Containerfile. Its programs run in namespaces, because podman cannot start
 * containers on every machine: as the image's user, in its tree, which nothing can write to but /data and /tmp. They
 * share the network and the processes of the machine.
 */
export class ServerImage {
  readonly config: ImageConfig;
  /** The folder that is /data. */
  readonly data: string;
  readonly #folder: string;
  /** Its mounts end with this process. */
  readonly #holder: ChildProcess;

  /** @param dist folder with the built programs */
  static async build(dist: string): Promise<ServerImage> {
    const packed = await cached("server-image", [await hashOfFile(CONTAINERFILE), prepare.toString()], [], prepare);
    const folder = mkdtempSync(join(tmpdir(), "switchback-image-"));
    const env = engine(packed, folder);
    // Podman keeps mounts of its own for as long as the machine runs, unless they are in a namespace that ends.
    const script = `set -e
      ${buildCommand(NAME, dist)} >&2
      root=$(podman image mount ${NAME})
      mount --bind "$root" "${folder}/root"; mount -o remount,bind,ro "${folder}/root"
      mount --bind "${folder}/data" "${folder}/root/data"
      mount -t tmpfs none "${folder}/root/tmp"
      mount --rbind /dev "${folder}/root/dev"
      podman image inspect --format '[{{json .Config}},{{json .HealthCheck}}]' ${NAME}
      read -r _ || :
      umount -R "${folder}/root"; podman image umount ${NAME} >&2; podman rmi ${NAME} >&2`;
    for (const name of ["data", "root"]) mkdirSync(join(folder, name));
    const holder = spawn("unshare", ["--mount", "--propagation", "private", "sh", "-c", script], { env });
    let [said, complaint] = ["", ""];
    holder.stderr.on("data", (chunk: Buffer) => {
      complaint += String(chunk);
    });
    for await (const chunk of holder.stdout) {
      said += String(chunk);
      if (said.includes("\n")) break;
    }
    if (!said.includes("\n")) throw new Error(`the image was not built: ${complaint}`);
    const [shown, { Test }] = JSON.parse(said) as [Omit<ImageConfig, "Check">, { Test: ImageConfig["Check"] }];
    const config = { ...shown, Check: Test };
    execFileSync("chown", [config.User, join(folder, "data")]);
    return new ServerImage(folder, holder, config);
  }

  private constructor(folder: string, holder: ChildProcess, config: ImageConfig) {
    this.#folder = folder;
    this.data = join(folder, "data");
    this.#holder = holder;
    this.config = config;
  }

  /** Starts a program of the image. Without one, the image's own command. */
  start(env: Readonly<Record<string, string>>, ...command: readonly string[]): ChildProcess {
    const { User: user, Env, Entrypoint, Cmd } = this.config;
    const words = command.length > 0 ? command : [...Entrypoint, ...Cmd];
    const variables = [...Env, ...Object.entries(env).map(([name, value]) => `${name}=${value}`)];
    const inside = 'mount -t proc proc "$0/proc" && exec chroot --userspec "$1" "$0" env -i "$@"';
    const root = join(this.#folder, "root");
    // The first word after the user is for env, which drops it: $1 is also the first of "$@".
    const script = `user=$1; shift; ${inside.replace('"$1"', '"$user"')}`;
    return spawn(
      "nsenter",
      [
        ...["--mount", "--target", String(this.#holder.pid), "--"],
        ...["unshare", "--mount", "sh", "-c", script],
        ...[root, user, ...variables, ...words],
      ],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
  }

  /** Runs a program of the image to its end. */
  async run(env: Readonly<Record<string, string>>, ...command: readonly string[]): Promise<Ended> {
    const child = this.start(env, ...command);
    let out = "";
    for (const stream of [child.stdout, child.stderr])
      stream?.on("data", (chunk: Buffer) => {
        out += String(chunk);
      });
    const [status] = (await once(child, "close")) as [number | null];
    return { status, out };
  }

  async remove(): Promise<void> {
    const ended = once(this.#holder, "close");
    this.#holder.stdin?.end();
    await ended;
    await rm(this.#folder, { recursive: true, force: true });
  }
}

const buildCommand = (name: string, context: string): string =>
  [
    "podman build --quiet --isolation chroot --network host --layers --format docker",
    `--build-arg BASE=${BASE} --file ${CONTAINERFILE} --tag ${name} "${context}"`,
  ].join(" ");

/** Settings of a podman whose images are in `store`, and whose other files are in `folder`. */
function engine(store: string, folder: string): NodeJS.ProcessEnv {
  const [storage, containers] = [join(folder, "storage.conf"), join(folder, "containers.conf")];
  const places = `graphroot = "${join(store, "graph")}"\nrunroot = "${join(folder, "run")}"\n`;
  writeFileSync(storage, `[storage]\ndriver = "overlay"\n${places}`);
  writeFileSync(containers, `[engine]\nlock_type = "file"\ntmp_dir = "${join(folder, "run/libpod")}"\n`);
  return { ...process.env, CONTAINERS_STORAGE_CONF: storage, CONTAINERS_CONF: containers };
}

/**
 * Makes a Debian with the Node of the tests, in place of Node's own image, and builds the image once without programs:
 * podman keeps what it has installed.
 */
async function prepare(folder: string): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), "switchback-image-base-"));
  try {
    const tar = join(work, "base.tar");
    const options = ["--variant=apt", "--include=ca-certificates,libstdc++6", "--dpkgopt=force-unsafe-io"];
    execFileSync("mmdebstrap", [...options, "bookworm", tar], { stdio: ["ignore", "ignore", "pipe"] });
    mkdirSync(join(work, "node/usr/local/bin"), { recursive: true });
    copyFileSync(process.execPath, join(work, "node/usr/local/bin/node"));
    execFileSync("tar", ["-C", join(work, "node"), "-rf", tar, "./usr/local/bin/node"]);
    for (const name of ["server", "fleet"]) {
      mkdirSync(join(work, "dist", name), { recursive: true });
      writeFileSync(join(work, "dist", name, `switchback-${name}.mjs`), "");
    }
    const script = `set -e; podman import --quiet "${tar}" ${BASE}; ${buildCommand(EMPTY, join(work, "dist"))}`;
    const env = engine(folder, work);
    execFileSync("unshare", ["--mount", "--propagation", "private", "sh", "-c", script], { env, stdio: "pipe" });
    // It has the path of this folder, which gets another name.
    rmSync(join(folder, "graph/libpod"), { recursive: true });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
