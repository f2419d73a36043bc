import { AgentError } from "../../../src/errors/agent-error.ts";
import type { Finding } from "../../../src/ports/finding.ts";
import { readSmallFile } from "../../../src/util/small-file.ts";
import type { EnvTools } from "../tool-env.ts";
import { parseFwEnvConfig } from "./fw-env-config.ts";
import { SECOND_COPY, TORN } from "./single-copy.ts";

/** U-Boot's tools, found through PATH. @param config file in place of /etc/fw_env.config */
export function fwEnvTools(config?: string): EnvTools {
  const options = config === undefined ? [] : ["-c", config];
  const file = config ?? "/etc/fw_env.config";
  return {
    printArgv: ["fw_printenv", ...options],
    setArgv: ["fw_setenv", ...options],
    package: "libubootenv-tool or u-boot-tools",
    copies: () => copiesFinding(file),
    storage: () => storageIn(file),
  };
}

async function copiesFinding(file: string): Promise<Finding> {
  const subject = "copies of the boot environment";
  try {
    const { copies } = parseFwEnvConfig(readSmallFile(file), file);
    if (copies.length === 2) return { level: "good", subject, found: `two, according to ${file}` };
    return { level: "note", subject, found: `one, according to ${file}: ${TORN}`, advice: SECOND_COPY };
  } catch (cause) {
    // ignored: libubootenv has a second format, which only the tool itself reads. The caller has checked that the tool
    // can read it.
    const found = `unknown: ${file} ${cause instanceof AgentError ? "has another format" : "is not readable"}`;
    return { level: "note", subject, found, advice: `Make sure that ${file} names two copies.` };
  }
}

async function storageIn(file: string): Promise<readonly string[]> {
  try {
    const text = readSmallFile(file);
    // libubootenv's second format may describe several environments, from which the tool chooses one.
    if (text.match(/^\s*devices\s*:/gm)?.length === 1) {
      return [...text.matchAll(/^[\s-]*path\s*:\s*["']?([^\s"'#]+)/gm)].map(([, path = ""]) => path);
    }
    return parseFwEnvConfig(text, file).copies.map(({ device }) => device);
  } catch {
    // ignored: only the tool can read this format.
    return [];
  }
}
