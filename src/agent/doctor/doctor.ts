import { existsSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../../adapters/clock/system-clock.ts";
import { collectFolderFacts } from "../../../adapters/doctor/folder-facts.ts";
import { diskReads } from "../../../adapters/files/disk.ts";
import { clientStoreIn } from "../../../adapters/takeover/client-store-path.ts";
import { keyWeakness } from "../../artifact/key-algorithm.ts";
import { loadVerificationKey } from "../../artifact/signature.ts";
import type { Config } from "../../config/config.ts";
import { readDeviceType } from "../../config/device-type.ts";
import { findKeys } from "../../config/key-places.ts";
import { type Paths, resolvePaths } from "../../config/paths.ts";
import { createJournal } from "../../core/deployment/journal.ts";
import { examineClient, examineLock, examinePending } from "../../core/doctor/agent.ts";
import { examineBoot } from "../../core/doctor/boot.ts";
import { assessClock } from "../../core/doctor/clock.ts";
import { assessDatastore, assessNoexec, DATA_PARTITION } from "../../core/doctor/datastore.ts";
import type { Examination } from "../../core/doctor/examine.ts";
import { examineModules, examineScripts } from "../../core/doctor/programs.ts";
import { assessSlots } from "../../core/doctor/slots.ts";
import { AgentError, describeError } from "../../errors/agent-error.ts";
import type { Bootloader, SlotId } from "../../ports/bootloader.ts";
import type { Finding } from "../../ports/finding.ts";
import { isNoFile } from "../../util/is-no-file.ts";
import { composeConfig } from "../config.ts";
import { composeBootloader } from "../device/bootloader.ts";
import { modulesFolder } from "../device/modules.ts";
import { artifactScripts } from "../device/scripts.ts";
import { thisHost } from "../host.ts";
import type { CliIo } from "../io.ts";
import { composeLock } from "../lock.ts";
import { createLogger } from "../logging.ts";
import type { GlobalOptions } from "../options.ts";
import { composePaths } from "../paths.ts";
import { composeStore } from "../store.ts";
import { createBoardFacts } from "./facts.ts";
import { composeGuarding } from "./guarding.ts";

/** What the doctor examines, and what it knows about causes that show in several places. */
export interface Doctor {
  readonly examinations: readonly Examination[];
  /** Whether the error follows from something that another finding reports. */
  isConsequence(error: unknown): boolean;
  /** Adds to a finding's advice where the configuration keys that it names are set. */
  placed(finding: Finding): Finding;
}

/**
 * All examinations of this device, in the order of an update. None of them changes the device.
 *
 * @throws {AgentError} CONFIG_INVALID
 */
export async function composeDoctor(options: GlobalOptions, io: CliIo): Promise<Doctor> {
  const host = io.host ?? thisHost;
  const log = createLogger(io, options, "warning");
  const places = resolvePaths(options, io.env);
  const user = process.geteuid?.() ?? 0;
  const remarks: Remark[] = [];
  const config = await composeConfig(options, places, (level, message) => {
    // EACCES for another user does not mean that the agent, as root, cannot read the file.
    const isDenial = level === "error" && user !== 0 && message.includes("EACCES");
    if ((level === "warning" || level === "error") && !isDenial) remarks.push({ level, message });
  });
  const paths = composePaths(places, config);
  const keys = findKeys(paths.fallbackConfig, paths.mainConfig);
  const isRoot = user === 0 || config.virtualBoard !== undefined;
  const boot = (): Bootloader => {
    const found = composeBootloader({ config, host, log });
    return isRoot ? found : { ...found, expectWritable: async () => undefined };
  };
  const board = (signal: AbortSignal) => createBoardFacts(config, host, signal);
  const examinations: readonly Examination[] = [
    { area: "user", advice: "", look: async () => (isRoot ? [] : [notRoot(user)]) },
    {
      area: "configuration",
      advice: "Correct it in mender.conf. Until then, the agent installs no Artifact.",
      look: async () => assessConfig(config, places, remarks, keys.overridden),
    },
    {
      area: "slots",
      advice:
        "Set RootfsPartA and RootfsPartB in mender.conf to the two partitions. The system must run from one of them.",
      look: async (signal) => assessSlots(await board(signal).slots(await bootedSlot(boot, signal))),
    },
    {
      area: "boot",
      advice:
        "Set Switchback.Bootloader and the keys that belong to it, and make sure that the files they name are readable.",
      look: (signal) => examineBoot(boot(), signal),
    },
    {
      area: "data",
      advice: `Check ${paths.datastore}, which --datastore or MENDER_DATASTORE_DIR names.`,
      look: async (signal) => {
        const facts = await board(signal).datastore(paths.datastore);
        // Only root can tell whether root may write there.
        return assessDatastore({ ...facts, isWritable: facts.isWritable || !isRoot });
      },
    },
    {
      area: "agent",
      advice: `Check ${paths.datastore}: this version of the agent cannot use what is stored there.`,
      look: async (signal) => [
        await examinePending(createJournal(composeStore(paths, log, host)), () => isOnTrial(boot, signal)),
        ...(await examineClient(composeStore(paths, log, host), existing(clientStoreIn(paths.datastore)))),
        // Acquiring the lock would create its file and the datastore.
        await examineLock(
          existsSync(paths.lockFile) && !isNoFile(paths.lockFile) ? composeLock(paths, host) : undefined,
        ),
      ],
    },
    {
      area: "clock",
      advice: "Set the clock.",
      look: async () => [assessClock(systemClock.nowMs(), statSync(fileURLToPath(import.meta.url)).mtimeMs)],
    },
    ...identity(config, paths, async (signal) => {
      const found = assessDatastore(await board(signal).datastore(paths.datastore));
      return found.some(({ subject, level }) => subject === DATA_PARTITION && level === "bad");
    }),
    {
      area: "scripts",
      advice: "Make the folder readable.",
      look: async () => [
        ...(await examineScripts(join(paths.confDir, "scripts"), "rootfs", diskReads)),
        ...(await examineScripts(artifactScripts(paths), "artifact", diskReads)),
        ...assessNoexec(await collectFolderFacts(join(paths.confDir, "scripts"))),
      ],
    },
    {
      area: "modules",
      advice: "Make the folder readable.",
      look: async () => [
        ...(await examineModules(modulesFolder(paths), diskReads)),
        ...assessNoexec(await collectFolderFacts(modulesFolder(paths))),
      ],
    },
    ...composeGuarding({ config, paths, host }, user),
    {
      area: "server",
      advice: "Check ServerURL, ServerCertificate and HttpsClient in mender.conf.",
      look: async (signal) => {
        if (config.server.urls.length === 0) {
          return [{ level: "good", subject: "ServerURL", found: "none: updates come from the command line" }];
        }
        return (await import("./server.ts")).assessServers({ options, config, io, log }, signal);
      },
    },
  ];
  return {
    examinations,
    isConsequence: (error) =>
      (!isRoot && isDenied(error)) ||
      (config.refusal !== undefined && error instanceof AgentError && error.code === "CONFIG_INVALID"),
    placed(finding) {
      const { found, advice } = finding;
      const where =
        advice === undefined ? [] : keys.named(`${found} ${advice}`).filter((place) => !found.includes(place));
      return where.length === 0 ? finding : { ...finding, advice: `${advice} (${where.join("; ")})` };
    },
  };
}

function notRoot(user: number): Finding {
  const found = `${user}, who is not root: the checks below skip what only root may read or write`;
  return { level: "bad", subject: "user", found, advice: "Run the doctor as root, like the agent." };
}

/** Whether the system denied access to a program or file. */
function isDenied(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = "code" in error ? error.code : undefined;
  return code === "EACCES" || code === "EPERM" || isDenied(error.cause);
}

const bootedSlot = (boot: () => Bootloader, signal: AbortSignal): Promise<SlotId | undefined> =>
  told(() => boot().booted(signal), signal);

const isOnTrial = (boot: () => Bootloader, signal: AbortSignal): Promise<boolean | undefined> =>
  told(async () => (await boot().plan(signal)).trial, signal);

/** `undefined` if the boot loader cannot tell: the area "boot" reports the reason. */
async function told<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof AgentError) return undefined;
    throw error;
  }
}

interface Remark {
  readonly level: "warning" | "error";
  readonly message: string;
}

/** Reports errors in the configuration, even in parts that no other area uses. @throws {AgentError} CONFIG_INVALID */
function assessConfig(
  config: Config,
  { mainConfig, fallbackConfig }: Paths,
  remarks: readonly Remark[],
  overridden: readonly string[],
): readonly Finding[] {
  const subject = "configuration";
  const advice = "Correct it in mender.conf, or remove it.";
  const refused = remarks.filter(({ level }) => level === "error");
  const wrong = PARTS.flatMap((part): readonly string[] => {
    try {
      part(config);
      return [];
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      // `remarks` already has the reason for each refused file.
      return error === config.refusal ? [] : [describeError(error)];
    }
  });
  const bad = [...refused.map(({ message }) => message), ...wrong];
  const odd = remarks.filter(({ level }) => level === "warning").map(({ message }) => message);
  const read = `${fallbackConfig}, then ${mainConfig}`;
  return [
    ...(bad.length + odd.length === 0 ? [{ level: "good", subject, found: read } as const] : []),
    ...overridden.map((found): Finding => ({ level: "good", subject, found })),
    ...bad.map((found): Finding => ({ level: "bad", subject, found, advice })),
    ...odd.map((found): Finding => ({ level: "note", subject, found, advice })),
  ];
}

/** Parts that the agent interprets at first use. The area "slots" judges what the boot loader needs. */
const PARTS: readonly ((config: Config) => unknown)[] = [
  (config) => config.artifactVerifyKeys,
  (config) => config.server,
  (config) => config.connection,
  ({ switchback }) => switchback.bootEnv,
  ({ switchback }) => switchback.payloads,
];

/** What decides which Artifacts this device accepts. */
function identity(
  config: Config,
  paths: Paths,
  lacksData: (signal: AbortSignal) => Promise<boolean>,
): readonly Examination[] {
  const isOnData = (path: string): boolean => resolve(path).startsWith(`${resolve(paths.datastore)}/`);
  const file = config.deviceTypeFile ?? join(paths.datastore, "device_type");
  return [
    {
      area: "device type",
      advice: `Write a single line into it: echo device_type=TYPE > ${resolve(file)}`,
      look: async (signal) => {
        if (isOnData(file) && (await lacksData(signal))) return [];
        return [{ level: "good", subject: file, found: await readDeviceType(file) }];
      },
    },
    {
      area: "signatures",
      advice: "Set ArtifactVerifyKeys to public keys in PEM form. Until then, the agent installs no Artifact.",
      look: async (signal) => {
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
          advice: "Set ArtifactVerifyKeys to the public key of your signing key.",
        };
        if (found.length > 0) return found;
        // A configuration file on the missing data partition may name a key.
        return isOnData(paths.fallbackConfig) && (await lacksData(signal)) ? [] : [none];
      },
    },
  ];
}

const existing = (path: string): string | undefined => (existsSync(path) ? path : undefined);
