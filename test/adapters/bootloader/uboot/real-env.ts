import { execFileSync } from "node:child_process";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const COPY_BYTES = 16 * 1024;

export interface RealEnv {
  /** The raw environment: two copies, one after the other. */
  readonly file: string;
  readonly config: string;
  print(): Record<string, string>;
  set(pairs: Readonly<Record<string, string>>): void;
}

/** A redundant U-Boot environment in a file, made by the real `fw_setenv`. */
export function makeRealEnv(folder: string, variables: Readonly<Record<string, string>>): RealEnv {
  const file = join(folder, "uboot.env");
  const config = join(folder, "fw_env.config");
  const script = join(folder, "default.env");
  writeFileSync(file, "");
  truncateSync(file, 2 * COPY_BYTES);
  writeFileSync(config, `${file} 0x0 0x4000\n${file} 0x4000 0x4000\n`);
  const lines = (pairs: Readonly<Record<string, string>>): string =>
    Object.entries(pairs)
      .map(([key, value]) => `${key}=${value}\n`)
      .join("");
  writeFileSync(script, lines(variables));
  execFileSync("fw_setenv", ["-c", config, "-f", script, "-s", script], { stdio: "ignore" });
  return {
    file,
    config,
    print() {
      const text = execFileSync("fw_printenv", ["-c", config], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      });
      return Object.fromEntries(
        text
          .trim()
          .split("\n")
          .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
      );
    },
    set(pairs) {
      execFileSync("fw_setenv", ["-c", config, "-s", "-"], {
        input: lines(pairs),
        stdio: ["pipe", "ignore", "ignore"],
      });
    },
  };
}
