import { spawn } from "node:child_process";

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly stdin?: string | Uint8Array;
}

/** Timestamp of everything in an image, so that two builds are identical. */
export const IMAGE_TIME = 1_700_000_000;

/**
 * Runs a program of the image builder to its end.
 *
 * @returns its stdout
 * @throws {Error} with the end of its stderr
 */
export function run(argv: readonly [string, ...string[]], options: RunOptions = {}): Promise<Buffer> {
  const [program, ...args] = argv;
  return new Promise((resolve, reject) => {
    const env = { ...process.env, LC_ALL: "C", SOURCE_DATE_EPOCH: String(IMAGE_TIME), ...options.env };
    const child = spawn(program, args, { cwd: options.cwd, env, stdio: ["pipe", "pipe", "pipe"] });
    const out: Buffer[] = [];
    let said = "";
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said = `${said}${text}`.slice(-4000);
    });
    child.on("error", reject);
    child.stdin.on("error", () => undefined); // ignored: the exit status says why the program stopped reading.
    child.stdin.end(options.stdin ?? "");
    child.on("close", (code, signal) => {
      if (code === 0) resolve(Buffer.concat(out));
      else reject(new Error(`${argv.join(" ").slice(0, 300)} ended with ${code ?? signal}:\n${said.trim()}`));
    });
  });
}
