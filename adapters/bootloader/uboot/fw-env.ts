import { readFile } from "node:fs/promises";
import { AgentError } from "../../../src/errors/agent-error.ts";
import type { BootEnv } from "../../../src/ports/boot-env.ts";
import type { Finding } from "../../../src/ports/finding.ts";
import type { Process, ProcessLimits, ProcessResult } from "../../../src/ports/process.ts";
import { checkPairs, firstDifference, setOnes } from "../boot-variables.ts";
import { parseFwEnvConfig } from "./fw-env-config.ts";
import { SECOND_COPY, TORN } from "./single-copy.ts";

type Argv = readonly [string, ...string[]];

export interface FwEnvTools {
  /** Prints variables: the names are appended. */
  readonly printArgv: Argv;
  /** Sets variables from a script: `-s -` is appended. */
  readonly setArgv: Argv;
  /** What says to both where the environment lies. */
  readonly configFile: string;
}

/** U-Boot's tools as they lie in PATH. @param config file in place of /etc/fw_env.config */
export function fwEnvTools(config?: string): FwEnvTools {
  const options = config === undefined ? [] : ["-c", config];
  return {
    printArgv: ["fw_printenv", ...options],
    setArgv: ["fw_setenv", ...options],
    configFile: config ?? "/etc/fw_env.config",
  };
}

/** Long enough to wait for another program that holds the tools' lock. */
const LIMITS: ProcessLimits = { timeoutMs: 60_000, maxOutputBytes: 1024 * 1024 };
const PACKAGE = "libubootenv-tool or u-boot-tools";

/**
 * U-Boot's environment through the device's `fw_printenv` and `fw_setenv`. What they say by their exit
 * status differs between their two implementations and between versions, so only what can be read back counts.
 *
 * @throws {AgentError} BOOTENV_TOOL, BOOTENV_READ, BOOTENV_DAMAGED, BOOTENV_WRITE
 */
export function createFwEnv(process: Process, tools: FwEnvTools): BootEnv {
  const print = async (keys: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>> => {
    const named = await run(process, [...tools.printArgv, ...keys], "BOOTENV_READ", signal);
    refuseDefaults(named);
    const found = parse(named.stdout);
    if (found.size > 0 || keys.length === 0) return found;
    // Nothing at all: none of them is set, or nothing can be read. The whole environment tells which.
    const all = await run(process, tools.printArgv, "BOOTENV_READ", signal);
    refuseDefaults(all);
    if (parse(all.stdout).size === 0) throw new AgentError("BOOTENV_READ", toolDetail(tools.printArgv, all));
    return new Map();
  };

  /**
   * Both tools go on with a built-in environment when no copy is valid, and would store that somewhere. It is not the
   * board's: U-Boot has saved a valid one before it started the kernel, so the tool looks in the wrong place.
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
      // A boot environment in a single copy does not survive a write that is killed: once begun it is not cancelled.
      const uncancelled = new AbortController().signal;
      let said: ProcessResult | undefined;
      // libubootenv takes only `name=value` and ignores anything else without a word; old u-boot-tools take only blanks.
      for (const separator of ["=", " "]) {
        const script = [...pairs].map(([key, value]) => `${key}${separator}${value}\n`).join("");
        said = await run(process, [...tools.setArgv, "-s", "-"], "BOOTENV_WRITE", uncancelled, script);
        const stored = await read(keys, uncancelled);
        if (firstDifference(pairs, stored) === undefined) return;
      }
      throw new AgentError("BOOTENV_WRITE", toolDetail(tools.setArgv, said));
    },
    async diagnose(signal) {
      // What cannot be read is a named failure, which says what to do.
      const { size } = await print([], signal);
      return [
        { level: "good", subject: "boot environment", found: `${tools.printArgv[0]} prints ${size} variables` },
        await copiesFinding(tools.configFile),
      ];
    },
  };
}

async function copiesFinding(file: string): Promise<Finding> {
  const subject = "copies of the boot environment";
  try {
    const { copies } = parseFwEnvConfig(await readFile(file, "utf8"), file);
    if (copies.length === 2) return { level: "good", subject, found: `two, as ${file} says` };
    return { level: "note", subject, found: `one, as ${file} says: ${TORN}`, advice: SECOND_COPY };
  } catch (cause) {
    // ignored: libubootenv has a second format, which only the tool itself reads; that it reads, is known.
    const found = `unknown: ${file} is ${cause instanceof AgentError ? "of another format" : "not readable"}`;
    return { level: "note", subject, found, advice: `See that ${file} names two copies.` };
  }
}

/** The lines `name=value`; a line without a name or an equals sign is a message. */
function parse(stdout: string): ReadonlyMap<string, string> {
  const variables = new Map<string, string>();
  for (const line of stdout.split("\n")) {
    const at = line.indexOf("=");
    if (at > 0) variables.set(line.slice(0, at), line.slice(at + 1));
  }
  return variables;
}

async function run(
  process: Process,
  argv: Argv,
  failure: "BOOTENV_READ" | "BOOTENV_WRITE",
  signal: AbortSignal,
  stdin?: string,
): Promise<ProcessResult> {
  try {
    return await process.run(argv, LIMITS, signal, stdin);
  } catch (cause) {
    if (!(cause instanceof AgentError)) throw cause;
    if (cause.code === "PROCESS_MISSING")
      throw new AgentError("BOOTENV_TOOL", { tool: argv[0], package: PACKAGE }, cause);
    throw new AgentError(failure, { tool: argv[0] }, cause);
  }
}

function toolDetail(argv: Argv, result: ProcessResult | undefined): Record<string, string | number> {
  const said = result?.stderr.trim().split("\n").at(-1) ?? "";
  return {
    tool: argv[0],
    ...(result?.exitCode === undefined ? {} : { exitStatus: result.exitCode }),
    ...(said === "" ? {} : { said: said.slice(0, 200) }),
  };
}
