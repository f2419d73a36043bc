import { spawn } from "node:child_process";
import { AgentError } from "../src/errors/agent-error.ts";
import { errnoOf } from "../src/util/errno.ts";

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly stdin?: string | Uint8Array;
}

/** Timestamp of everything in an image that has no other, so that two builds are identical. */
export const IMAGE_TIME = 1_700_000_000;

/** The Debian packages of programs that the image tool starts. */
const PACKAGES: Readonly<Record<string, string>> = {
  mke2fs: "e2fsprogs",
  "mkfs.vfat": "dosfstools",
  mcopy: "mtools",
  "mkfs.ubifs": "mtd-utils",
  ubinize: "mtd-utils",
  "grub-mkimage": "grub-common",
  mksquashfs: "squashfs-tools",
};

/**
 * Runs a program of the image builder to its end.
 *
 * @returns its stdout
 * @throws {AgentError} IMAGE_TOOL_FAILED, with the end of its stderr
 */
export function run(argv: readonly [string, ...string[]], options: RunOptions = {}): Promise<Buffer> {
  const [program, ...args] = argv;
  return new Promise((resolve, reject) => {
    const time = { SOURCE_DATE_EPOCH: String(IMAGE_TIME), TZ: "UTC" };
    const env = {
      ...process.env,
      LC_ALL: "C",
      PATH: `${process.env["PATH"]}:/usr/sbin:/sbin`,
      ...time,
      ...options.env,
    };
    const child = spawn(program, args, { cwd: options.cwd, env, stdio: ["pipe", "pipe", "pipe"] });
    const out: Buffer[] = [];
    let said = "";
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said = `${said}${text}`.slice(-4000);
    });
    child.on("error", (error) => reject(toolMissing(program, PACKAGES[program], error)));
    child.stdin.on("error", () => undefined); // ignored: the exit status says why the program stopped reading.
    child.stdin.end(options.stdin ?? "");
    child.on("close", (code, signal) => {
      if (code === 0) resolve(Buffer.concat(out));
      else {
        const cause = new Error(`${argv.join(" ").slice(0, 300)} ended with ${code ?? signal}:\n${said.trim()}`);
        reject(new AgentError("IMAGE_TOOL_FAILED", { program }, cause));
      }
    });
  });
}

/** For a program that cannot be started. */
export function toolMissing(program: string, debianPackage: string | undefined, cause: Error): AgentError {
  if (errnoOf(cause) !== "ENOENT") return new AgentError("IMAGE_TOOL_FAILED", { program }, cause);
  return new AgentError("IMAGE_TOOL_MISSING", { program, ...(debianPackage && { package: debianPackage }) });
}
