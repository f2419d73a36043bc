import { existsSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "../adapters/clock/system-clock.ts";
import { keyWeakness } from "./artifact/key-algorithm.ts";
import { loadVerificationKey } from "./artifact/signature.ts";
import type { GlobalOptions } from "./cli/global-options.ts";
import type { CliIo } from "./cli/io.ts";
import { createLogger } from "./cli/logging.ts";
import { composeBootloader } from "./compose-bootloader.ts";
import { composeConfig } from "./compose-config.ts";
import { lookAtBoard } from "./compose-doctor-facts.ts";
import { composeLock } from "./compose-lock.ts";
import { thisMachine } from "./compose-machine.ts";
import { modulesFolder } from "./compose-modules.ts";
import { composePaths } from "./compose-paths.ts";
import { artifactScripts } from "./compose-scripts.ts";
import { composeStore } from "./compose-store.ts";
import type { Config } from "./config/config.ts";
import { readDeviceType } from "./config/device-type.ts";
import { type Paths, resolvePaths } from "./config/paths.ts";
import { createJournal } from "./core/deployment/journal.ts";
import { examineLock, examinePending } from "./core/doctor/agent.ts";
import { examineBoot } from "./core/doctor/boot.ts";
import { judgeClock } from "./core/doctor/clock.ts";
import { judgeDatastore } from "./core/doctor/datastore.ts";
import type { Examination } from "./core/doctor/examine.ts";
import { examineModules, examineScripts } from "./core/doctor/programs.ts";
import { judgeSlots } from "./core/doctor/slots.ts";
import { AgentError, describeError } from "./errors/agent-error.ts";
import type { Finding } from "./ports/finding.ts";

/**
 * All that is looked at on this device, in the order of an update. Nothing of it changes the device.
 *
 * @throws {AgentError} CONFIG_INVALID
 */
export async function composeDoctor(options: GlobalOptions, io: CliIo): Promise<readonly Examination[]> {
  const machine = io.machine ?? thisMachine;
  const log = createLogger(io, options, "warning");
  const places = resolvePaths(options, io.env);
  const remarks: string[] = [];
  const config = await composeConfig(options, places, (level, message) => {
    if (level === "warning") remarks.push(message);
  });
  const paths = composePaths(places, config);
  const boot = () => composeBootloader({ config, machine, log });
  return [
    {
      area: "configuration",
      advice: "Set that right in mender.conf. Until then no Artifact is installed.",
      look: async () => judgeConfig(config, places, remarks),
    },
    {
      area: "slots",
      advice: "Set RootfsPartA and RootfsPartB in mender.conf to the two partitions, one of which is running.",
      look: async (signal) => judgeSlots(await lookAtBoard(config, machine, signal).slots(await boot().booted(signal))),
    },
    {
      area: "boot",
      advice: "Set Switchback.Bootloader and what belongs to it, and see that what it names can be read.",
      look: (signal) => examineBoot(boot(), signal),
    },
    {
      area: "data",
      advice: `Look at ${paths.datastore}, which --datastore or MENDER_DATASTORE_DIR names.`,
      look: async (signal) => judgeDatastore(await lookAtBoard(config, machine, signal).datastore(paths.datastore)),
    },
    {
      area: "agent",
      advice: `Look at ${paths.datastore}; what is stored there is no agent's of this version.`,
      look: async () => [
        await examinePending(createJournal(composeStore(paths, log, machine))),
        // Taking a lock would make its file, and the datastore.
        await examineLock(existsSync(paths.lockFile) ? composeLock(paths, machine) : undefined),
      ],
    },
    {
      area: "clock",
      advice: "Set the clock.",
      look: async () => [judgeClock(systemClock.nowMs(), statSync(fileURLToPath(import.meta.url)).mtimeMs)],
    },
    ...identity(config, paths),
    {
      area: "scripts",
      advice: "Make the folder readable.",
      look: async () => [
        ...(await examineScripts(join(paths.confDir, "scripts"), "rootfs")),
        ...(await examineScripts(artifactScripts(paths), "artifact")),
      ],
    },
    { area: "modules", advice: "Make the folder readable.", look: () => examineModules(modulesFolder(paths)) },
    {
      area: "server",
      advice: "Look at ServerURL, ServerCertificate and HttpsClient in mender.conf.",
      look: async (signal) => {
        if (config.server.urls.length === 0) {
          return [{ level: "good", subject: "ServerURL", found: "none: updates come from the command line" }];
        }
        return (await import("./compose-doctor-server.ts")).lookAtServers({ options, config, io, log }, signal);
      },
    },
  ];
}

/** What is wrong in the configuration files, also where no other area uses it. @throws {AgentError} CONFIG_INVALID */
function judgeConfig(
  config: Config,
  { mainConfig, fallbackConfig }: Paths,
  remarks: readonly string[],
): readonly Finding[] {
  const advice = "Correct it in mender.conf, or remove it.";
  const wrong = PARTS.flatMap((part): readonly Finding[] => {
    try {
      part(config);
      return [];
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      return [{ level: "bad", subject: "configuration", found: describeError(error), advice }];
    }
  });
  const odd = remarks.map((found): Finding => ({ level: "note", subject: "configuration", found, advice }));
  if (wrong.length + odd.length > 0) return [...wrong, ...odd];
  return [{ level: "good", subject: "configuration", found: `${fallbackConfig}, then ${mainConfig}` }];
}

/** What is interpreted at its first use. What the boot loader needs is judged where the doctor looks at the slots. */
const PARTS: readonly ((config: Config) => unknown)[] = [
  (config) => config.artifactVerifyKeys,
  (config) => config.server,
  (config) => config.connection,
  ({ switchback }) => switchback.bootEnv,
  ({ switchback }) => switchback.payloads,
];

/** What decides which Artifacts are for this device. */
function identity(config: Config, paths: Paths): readonly Examination[] {
  const file = config.deviceTypeFile ?? join(paths.datastore, "device_type");
  return [
    {
      area: "device type",
      advice: `Write a single line into it: echo device_type=TYPE > ${resolve(file)}`,
      look: async () => [{ level: "good", subject: file, found: await readDeviceType(file) }],
    },
    {
      area: "signatures",
      advice: "Make ArtifactVerifyKeys name public keys in PEM form; without them no Artifact is installed.",
      look: async () => {
        const loaded = await Promise.all(config.artifactVerifyKeys.map(loadVerificationKey));
        const found = loaded.map(({ label, algorithm, key }): Finding => {
          const weakness = keyWeakness(key);
          if (weakness === undefined) return { level: "good", subject: label, found: algorithm };
          const advice = "Sign with a new key too, name both in ArtifactVerifyKeys, and then retire the old one.";
          return { level: "note", subject: label, found: weakness, advice };
        });
        const none: Finding = {
          level: "note",
          subject: "ArtifactVerifyKeys",
          found: "none: unsigned Artifacts are installed",
          advice: "Name the public key of your signing key in ArtifactVerifyKeys.",
        };
        return found.length === 0 ? [none] : found;
      },
    },
  ];
}
