import type { Command } from "commander";
import type { Agent } from "../compose.ts";
import { readDeviceType } from "../config/device-type.ts";
import type { OpenedArtifact } from "../core/install/open-artifact.ts";
import { agentFor } from "./agent-command.ts";
import type { CliIo } from "./io.ts";
import { addRunOptions, printReport, type RunOptions, stopBefore, withLock } from "./standalone-command.ts";

interface InstallOptions extends RunOptions {
  readonly rebootExitCode?: true;
}

export function register(program: Command, io: CliIo): void {
  const command = program
    .command("install")
    .description("install an Artifact into the inactive slot and make it boot on trial")
    .argument("<source>", "file, http(s) address, or - for standard input")
    .option("--reboot-exit-code", "exit with 4 when a reboot is needed")
    .addHelpText("after", EXAMPLES);
  addRunOptions(command).action(async (source: string, options: InstallOptions) => {
    const agent = await agentFor(program, io);
    await withLock(agent, () => install(agent, source, options, io));
  });
}

async function install(agent: Agent, name: string, options: InstallOptions, io: CliIo): Promise<void> {
  const stops = stopBefore(options);
  await agent.standalone.prepareInstall(io.signal);
  await seed(agent);
  const { openSource } = await import("../core/install/source.ts");
  const opened = await openSource(name, process.stdin, () => agent.transport(), io.signal);
  try {
    const artifact = await openArtifact(agent, opened.source);
    try {
      io.out("Installing artifact...");
      await checkArtifact(agent, artifact);
      const { withProgress } = await import("./install-progress.ts");
      agent.supply(() => withProgress(artifact, io));
      const run = await agent.standalone.install(artifact.record, stops, io.signal);
      await printReport("install", run, options.rebootExitCode === true, io);
    } finally {
      await artifact.close();
    }
  } finally {
    await opened.source.close();
  }
}

async function seed(agent: Agent): Promise<void> {
  const { seedProvides } = await import("../core/install/seed.ts");
  await seedProvides(agent.store, agent.paths, agent.log);
}

async function openArtifact(
  agent: Agent,
  source: Parameters<typeof import("../core/install/open-artifact.ts").openForInstall>[0],
): Promise<OpenedArtifact> {
  const { openForInstall } = await import("../core/install/open-artifact.ts");
  const { loadVerificationKey } = await import("../artifact/signature.ts");
  return openForInstall(source, await Promise.all(agent.config.artifactVerifyKeys.map(loadVerificationKey)));
}

/** Everything that can be refused before anything is changed. */
async function checkArtifact(agent: Agent, artifact: OpenedArtifact): Promise<void> {
  const { flatProvides, readProvides } = await import("../core/install/provides.ts");
  const { checkDepends } = await import("../core/install/depends.ts");
  const deviceType = await readDeviceType(agent.config.deviceTypeFile ?? `${agent.paths.datastore}/device_type`);
  checkDepends(artifact.info, deviceType, flatProvides(readProvides(await agent.store.load())));
  const type = artifact.record.payloadTypes[0];
  if (type !== undefined && type !== null) agent.handlerFor(type);
}

const EXAMPLES = `
Examples:
  switchback install release-2.mender
  switchback install --reboot-exit-code https://example.com/release-2.mender || [ $? -eq 4 ] && reboot
  xzcat release-2.mender.xz | switchback install -

After the reboot, 'switchback commit' keeps the new system; without it the next power-on goes back.`;
