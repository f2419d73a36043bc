import type { Command } from "commander";
import { type Agent, composeAgent } from "../../agent/agent.ts";
import { runsOnTrial } from "../../agent/device/trial.ts";
import { localReads } from "../../agent/files.ts";
import type { CliIo } from "../../agent/io.ts";
import { seedProvides } from "../../core/install/seed.ts";
import { openSource } from "../../core/install/source.ts";
import { AgentError } from "../../errors/agent-error.ts";
import { readGlobalOptions } from "../global-options.ts";
import { printReport } from "../tools/print-report.ts";
import { withProgress } from "./install-progress.ts";
import { type RunOptions, stopBefore } from "./run-options.ts";

export interface InstallOptions extends RunOptions {
  readonly strictCompat?: true;
  readonly onThisMachine?: true;
}

/**
 * What `install` does. Its code loads as one piece when the command is called. The caller holds the lock.
 *
 * @param lines receives the lines that are printed for a refusal
 */
export async function install(
  name: string,
  program: Command,
  options: InstallOptions,
  io: CliIo,
  lines: string[],
): Promise<void> {
  const say = (line: string): void => {
    if (options.json !== true) io.out(line);
  };
  const told = async <T>(work: () => Promise<T>, linesOf = refusalLines): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof AgentError) lines.push(...linesOf(error));
      for (const line of lines) say(line);
      throw error;
    }
  };
  const stops = stopBefore(options);
  const agent = await composeAgent(readGlobalOptions(program), io);
  await told(() => agent.standalone.prepareInstall(io.signal), pendingLines);
  await chooseMachine(agent, options);
  // Load the keys first: if they cannot be used, the configuration may also be wrong about where things are.
  const admission = await told(() => agent.admission({ strictCompat: options.strictCompat === true }));
  await seedProvides(agent.store, agent.paths, agent.log, () => runsOnTrial(agent), agent.host.files, localReads);
  const artifact = await told(async () => {
    const source = await openSource(name, process.stdin, () => agent.downloadParts(), io.signal);
    // From here on the Artifact owns the source and closes it.
    return await admission.open(source);
  });
  try {
    say("Installing artifact...");
    await told(() => admission.admit(artifact));
    const standalone = agent.standaloneWith(withProgress(artifact.payloads, io));
    printReport("install", await standalone.install(artifact.record, stops, io.signal), options, io);
  } finally {
    await artifact.close();
  }
}

/** Holds until the next update begins, so that it also applies to the commit or rollback of this one. */
async function chooseMachine({ config, host }: Agent, options: InstallOptions): Promise<void> {
  if (config.virtualBoard === undefined) return;
  const { allowMachine } = await import("../../agent/device/board.ts");
  await allowMachine(config.virtualBoard, options.onThisMachine === true, host.files);
}

/** Lines of the newest reference client when an update ends before it begins. */
const refusalLines = ({ code }: AgentError): readonly string[] =>
  code === "CANCELLED" ? [] : ["Streaming failed.", "System not modified."];

const pendingLines = ({ code }: AgentError): readonly string[] =>
  code === "UPDATE_IN_PROGRESS" ? ["System not modified."] : [];
