import { stat } from "node:fs/promises";
import { join } from "node:path";
import { AgentError, printable } from "../../../src/errors/agent-error.ts";
import type { ModuleAction } from "../../../src/ports/payload-handler.ts";
import type { Process, ProcessLimits, ProcessResult } from "../../../src/ports/process.ts";
import type { Logger, LogLevel } from "../../../src/util/logger.ts";

export type ModuleQuery = "ProvidePayloadFileSizes" | "NeedsArtifactReboot" | "SupportsRollback";
type ModuleCall = ModuleAction | ModuleQuery | "Download" | "DownloadWithFileSizes";

export interface ModuleParts {
  /** Payload type: the name of the module. */
  readonly type: string;
  readonly modulesFolder: string;
  readonly process: Process;
  readonly log: Logger;
  /** Limit for each call. */
  readonly timeoutMs: number;
  /** From SIGTERM to SIGKILL, after a call exceeds its limit. */
  readonly graceMs: number;
}

/** Limit for the answer to a query, and for one line of the log. */
const MAX_OUTPUT_BYTES = 10 * 1024;

/**
 * An update module: a program that the agent calls with the name of a state and the path of the file tree. The agent
 * looks the program up at each call, because an update may replace it.
 *
 * @see Update module protocol v3, sections 1, 2 and 6
 */
export class UpdateModule {
  readonly #parts: ModuleParts;

  constructor(parts: ModuleParts) {
    this.#parts = parts;
  }

  /** @throws {AgentError} MODULE_MISSING, MODULE_FAILED, BOARD_UNCONFINED; the signal's reason when it aborts */
  async act(call: ModuleCall, tree: string, signal: AbortSignal): Promise<void> {
    await this.#run(call, tree, signal, (stream, line) => this.#log("info", stream, line));
  }

  /**
   * Asks a question. An empty answer means `No`, because modules print nothing for a call that they do not know.
   *
   * @throws {AgentError} MODULE_ANSWER, and the codes of `act`
   */
  async ask<Answer extends string>(
    query: ModuleQuery,
    answers: readonly Answer[],
    tree: string,
    signal: AbortSignal,
  ): Promise<Answer | "No"> {
    const { stdout } = await this.#run(query, tree, signal, (stream, line) =>
      this.#log(stream === "stdout" ? "debug" : "info", stream, line),
    );
    const text = stdout.endsWith("\n") ? stdout.slice(0, -1) : stdout;
    if (text === "" || text === "No") return "No";
    const answer = answers.find((known) => known === text);
    if (answer !== undefined) return answer;
    throw new AgentError("MODULE_ANSWER", {
      ...this.#which(query),
      answer: text.slice(0, 80),
      known: ["No", ...answers].join(","),
    });
  }

  /** @throws {AgentError} MODULE_MISSING */
  async find(): Promise<string> {
    const { type, modulesFolder } = this.#parts;
    const path = join(modulesFolder, type);
    const isName = type !== "" && type !== "." && type !== ".." && !type.includes("/") && !type.includes("\0");
    if (!isName || !(await isProgram(path))) throw new AgentError("MODULE_MISSING", { type, module: path });
    return path;
  }

  async #run(
    call: ModuleCall,
    tree: string,
    signal: AbortSignal,
    onLine: NonNullable<ProcessLimits["onLine"]>,
  ): Promise<ProcessResult> {
    const { process, timeoutMs, graceMs } = this.#parts;
    const path = await this.find();
    const limits = { timeoutMs, graceMs, maxOutputBytes: MAX_OUTPUT_BYTES, cwd: tree, leavesOthers: true, onLine };
    let result: ProcessResult;
    try {
      result = await process.run([path, call, tree], limits, signal);
    } catch (cause) {
      if (signal.aborted || !(cause instanceof AgentError) || cause.code === "BOARD_UNCONFINED") throw cause;
      throw new AgentError("MODULE_FAILED", this.#which(call), cause);
    }
    const { exitCode } = result;
    if (exitCode === 0) return result;
    const how = exitCode === undefined ? { ended: "by a signal" } : { exitCode };
    throw new AgentError("MODULE_FAILED", { ...this.#which(call), ...how });
  }

  #which(call: ModuleCall): { readonly module: string; readonly call: string } {
    return { module: this.#parts.type, call };
  }

  #log(level: LogLevel, stream: "stdout" | "stderr", line: string): void {
    this.#parts.log(level, `Update Module output (${stream}): ${printable(line)}`);
  }
}

async function isProgram(path: string): Promise<boolean> {
  try {
    const found = await stat(path);
    return found.isFile() && (found.mode & 0o111) !== 0;
  } catch {
    // ignored: a file that cannot be examined cannot be run either.
    return false;
  }
}
