import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The content of an engine; `runs` follows the image of a container that counts as running. */
export interface Contents {
  readonly images: readonly string[];
  readonly containers: readonly string[];
}

/**
 * Podman with separate images, containers and locks in one folder, so that a power cut or a clean-up can find all of
 * them.
 */
export class ContainerEngine {
  readonly #folder: string;

  /** @param folder existing; another object on the same folder is the same engine */
  constructor(folder: string) {
    this.#folder = folder;
    const folders = `graphroot = "${this.#path("graph")}"\nrunroot = "${this.#path("run")}"\n`;
    writeFileSync(this.#path("storage.conf"), `[storage]\ndriver = "vfs"\n${folders}`);
    writeFileSync(
      this.#path("containers.conf"),
      `[engine]\nlock_type = "file"\ntmp_dir = "${this.#path("run/libpod")}"\n`,
    );
  }

  /** Environment that makes a program use this engine. */
  get env(): Readonly<Record<string, string>> {
    return {
      CONTAINERS_STORAGE_CONF: this.#path("storage.conf"),
      CONTAINERS_CONF: this.#path("containers.conf"),
      ENGINE: this.#folder,
    };
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }

  podman(...args: readonly string[]): string {
    const env = { ...process.env, ...this.env };
    return execFileSync("podman", args, { env, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  }

  /** Removes everything that podman has. */
  clear(): void {
    for (const folder of ["graph", "run", "running"]) rmSync(this.#path(folder), { recursive: true, force: true });
  }

  /** Makes an image from scratch with one file, which is not a program. */
  build(name: string, content: string): void {
    mkdirSync(this.#path("content"), { recursive: true });
    writeFileSync(this.#path("content/file"), content);
    execFileSync("tar", ["-cf", this.#path("content.tar"), "-C", this.#path("content"), "."]);
    this.podman("import", "-q", "--change", "CMD=/file", this.#path("content.tar"), name);
  }

  /** Makes an image, exports it as `docker save` does, and removes it from the engine. */
  archive(name: string, content: string): Buffer {
    this.build(name, content);
    rmSync(this.#path("saved.tar"), { force: true });
    this.podman("save", "-q", "-o", this.#path("saved.tar"), name);
    this.podman("rmi", name);
    return readFileSync(this.#path("saved.tar"));
  }

  /** The file in an image, as a container would see it. */
  contentOf(image: string): string {
    const mounted = this.podman("image", "mount", image).trim();
    try {
      return readFileSync(join(mounted, "file"), "utf8");
    } finally {
      this.podman("image", "umount", image);
    }
  }

  /**
   * Puts an engine called docker into a folder. It is podman with one difference: a container counts as running while
   * its name is in a file, because podman cannot start a container on every machine that runs this test. The file
   * registry.tar, if it exists, holds the images of the registry.
   */
  installDocker(bin: string): void {
    const script = `#!/bin/sh
state="$ENGINE/running"
[ -e "$state" ] || : >"$state"
forget() { for id in "$@"; do /usr/bin/grep -v "$id" "$state" >"$state.new" || :; /bin/mv "$state.new" "$state"; done; }
case "$1" in
  run) shift 2; id=$(podman create "$@") && echo "$id" >>"$state" && echo "$id" ;;
  start) shift; forget "$@"; for id in "$@"; do echo "$id" >>"$state"; done ;;
  stop) shift; forget "$@" ;;
  ps) if [ "$2" = -q ]; then /bin/cat "$state"; else podman "$@"; fi ;;
  pull) if [ -e "$ENGINE/registry.tar" ]; then podman load -q -i "$ENGINE/registry.tar"; else podman "$@"; fi ;;
  rm) podman "$@" && shift 2 && forget "$@" ;;
  *) podman "$@" ;;
esac
`;
    writeFileSync(join(bin, "docker"), script, { mode: 0o755 });
  }

  /** A container of an image, which counts as running. */
  run(image: string): void {
    writeFileSync(this.#path("running"), this.podman("create", "--network", "none", image));
  }

  /** Lists the images by name, and the images of all containers. */
  contents(): Contents {
    const running = this.#running();
    const lines = this.podman("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Image}}").split("\n").filter(Boolean);
    const containers = lines.map((line) => {
      const [id = "", image = ""] = line.split(" ");
      return running.includes(id) ? `${image} runs` : image;
    });
    const images = this.podman("images", "--format", "{{.Repository}}:{{.Tag}}").split("\n").filter(Boolean);
    return { images: images.sort(), containers: containers.sort() };
  }

  #running(): readonly string[] {
    try {
      return readFileSync(this.#path("running"), "utf8").split("\n");
    } catch {
      return []; // ignored: no container has run yet.
    }
  }
}
