import { AgentError } from "../../src/errors/agent-error.ts";
import type { BootEnv } from "../../src/ports/boot-env.ts";
import type { Finding } from "../../src/ports/finding.ts";
import type { Process, ProcessLimits, ProcessResult } from "../../src/ports/process.ts";
import { checkPairs, firstDifference, setOnes } from "./boot-variables.ts";
import { expectToolsCanWrite } from "./tool-storage.ts";

type Argv = readonly [string, ...string[]];

/** A board's tools for the boot environment: U-Boot's, or tools that take the same arguments. */
export interface EnvTools {
  /** Prints variables: the names are appended. */
  readonly printArgv: Argv;
  /** Sets variables from a script: `-s -` is appended. */
  readonly setArgv: Argv;
  /** The package to install if the tools are missing. */
  readonly package: string;
  /** Facts about the copies of the environment that need no tools. */
  readonly copies?: () => Promise<Finding>;
  /** Files and devices that the tools write, as far as their configuration says. */
  readonly storage?: () => Promise<readonly string[]>;
}

/** Long enough to wait for another program that holds the tools' lock. */
const LIMITS: ProcessLimits = { timeoutMs: 60_000, maxOutputBytes: 1024 * 1024 };

/**
 * The boot environment, accessed through the device's tools. Their exit statuses differ between implementations and
 * versions, so this trusts only what it can read back.
 *
 * @throws {AgentError} BOOTENV_TOOL, BOOTENV_READ, BOOTENV_DAMAGED, BOOTENV_WRITE
 */
export function createToolEnv(process: Process, tools: EnvTools): BootEnv {
  const run = async (
    argv: Argv,
    failure: "BOOTENV_READ" | "BOOTENV_WRITE",
    signal: AbortSignal,
    stdin?: string,
  ): Promise<ProcessResult> => {
    try {
      return await process.run(argv, LIMITS, signal, stdin);
    } catch (cause) {
      if (!(cause instanceof AgentError)) throw cause;
      const { code } = cause;
      if (code === "PROCESS_MISSING")
        throw new AgentError("BOOTENV_TOOL", { tool: argv[0], package: tools.package }, cause);
      throw new AgentError(failure, { tool: argv[0] }, cause);
    }
  };

  const print = async (keys: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>> => {
    const named = await run([...tools.printArgv, ...keys], "BOOTENV_READ", signal);
    refuseDefaults(named);
    const found = parse(named.stdout);
    if (found.size > 0 || keys.length === 0) return found;
    // Empty output: either none of the keys is set, or reading failed. Printing the whole environment tells which.
    const all = await run(tools.printArgv, "BOOTENV_READ", signal);
    refuseDefaults(all);
    if (parse(all.stdout).size === 0) throw new AgentError("BOOTENV_READ", toolDetail(tools.printArgv, all));
    return new Map();
  };

  /**
   * If no copy is valid, both tools fall back to a built-in environment, and a write would store it. That environment
   * is not the board's: U-Boot saved a valid one before it started the kernel, so the tool looks in the wrong place.
   */
  const refuseDefaults = (result: ProcessResult): void => {
    if (/using default/.test(result.stderr)) {
      throw new AgentError("BOOTENV_DAMAGED", toolDetail(tools.printArgv, result));
    }
  };

  const read: BootEnv["read"] = async (keys, signal) => {
    return setOnes(await print(keys, signal), keys);
  };

  return {
    read,
    async write(pairs, signal) {
      signal.throwIfAborted();
      const keys = [...pairs.keys()];
      checkPairs(pairs);
      // A single-copy environment does not survive a write that is killed: never cancel a write that has started.
      const uncancelled = new AbortController().signal;
      let said: ProcessResult | undefined;
      // libubootenv accepts only `name=value` and silently ignores other lines; old u-boot-tools accept only a space.
      for (const separator of ["=", " "]) {
        const script = [...pairs].map(([key, value]) => `${key}${separator}${value}\n`).join("");
        said = await run([...tools.setArgv, "-s", "-"], "BOOTENV_WRITE", uncancelled, script);
        const stored = await read(keys, uncancelled);
        if (firstDifference(pairs, stored) === undefined) return;
      }
      throw new AgentError("BOOTENV_WRITE", toolDetail(tools.setArgv, said));
    },
    async expectWritable(signal) {
      signal.throwIfAborted();
      // A trial write would prove more, but it wears out flash and endangers a single-copy environment.
      await expectToolsCanWrite((await tools.storage?.()) ?? []);
    },
    async diagnose(signal) {
      // If reading fails, the error says what to do.
      const { size } = await print([], signal);
      const found = `${tools.printArgv[0]} prints ${size} variables`;
      const copies = tools.copies === undefined ? [] : [await tools.copies()];
      return [{ level: "good", subject: "boot environment", found }, ...copies];
    },
  };
}

/** Parses `name=value` lines; a line without a name or an equals sign is a message. */
function parse(stdout: string): ReadonlyMap<string, string> {
  const variables = new Map<string, string>();
  for (const line of stdout.split("\n")) {
    const at = line.indexOf("=");
    if (at > 0) variables.set(line.slice(0, at), line.slice(at + 1));
  }
  return variables;
}

function toolDetail(argv: Argv, result: ProcessResult | undefined): Record<string, string | number> {
  const said = result?.stderr.trim().split("\n").at(-1) ?? "";
  return {
    tool: argv[0],
    ...(result?.exitCode === undefined ? {} : { exitStatus: result.exitCode }),
    ...(said === "" ? {} : { said: said.slice(0, 200) }),
  };
}
