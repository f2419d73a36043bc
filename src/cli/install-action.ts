import type { Command } from "commander";
import { loadVerificationKeys } from "../artifact/signature.ts";
import { type Agent, composeAgent } from "../compose.ts";
import { openForInstall } from "../core/install/open-artifact.ts";
import { seedProvides } from "../core/install/seed.ts";
import { openSource } from "../core/install/source.ts";
import { readGlobalOptions } from "./global-options.ts";
import { withProgress } from "./install-progress.ts";
import type { CliIo } from "./io.ts";
import { printReport } from "./print-report.ts";
import { type RunOptions, stopBefore } from "./run-options.ts";

export interface InstallOptions extends RunOptions {
  readonly strictCompat?: true;
  readonly onThisMachine?: true;
}

/** What `install` does; everything that it needs comes as one piece when it is called. The caller holds the lock. */
export async function install(name: string, program: Command, options: InstallOptions, io: CliIo): Promise<void> {
  const stops = stopBefore(options);
  const agent = await composeAgent(readGlobalOptions(program), io);
  await agent.standalone.prepareInstall(io.signal);
  await chooseMachine(agent, options);
  // First of all: they refuse a configuration that nobody can understand, which may also say where things lie.
  const keys = await loadVerificationKeys(agent.config.artifactVerifyKeys, agent.log);
  await seedProvides(agent.store, agent.paths, agent.log, agent.machine.files);
  const source = await openSource(name, process.stdin, () => agent.downloadParts(), io.signal);
  // From here on the Artifact owns the source and closes it.
  const strictCompat = options.strictCompat === true || agent.config.switchback.strictCompat;
  const artifact = await openForInstall(source, { verifyKeys: keys, strictCompat });
  try {
    if (options.json !== true) io.out("Installing artifact...");
    await agent.admit(artifact);
    agent.supply(withProgress(artifact.payloads, io));
    printReport("install", await agent.standalone.install(artifact.record, stops, io.signal), options, io);
  } finally {
    await artifact.close();
  }
}

/** For this update, until the next one begins: also for what commits it or brings it back. */
async function chooseMachine({ config, machine }: Agent, options: InstallOptions): Promise<void> {
  if (config.virtualBoard === undefined) return;
  const { allowMachine } = await import("../compose-board.ts");
  await allowMachine(config.virtualBoard, options.onThisMachine === true, machine.files);
}
