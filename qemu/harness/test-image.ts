import { inspectImage } from "../../image/inspect/inspect-image.ts";
import type { ImageReport } from "../../image/inspect/report.ts";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { HarnessBoard } from "../board/harness-board.ts";
import type { Access } from "../rig/guest.ts";
import { ArtifactServer } from "../server/artifact-server.ts";
import { DeviceApi } from "../server/device-api.ts";
import { AGENT_COMMANDS, type AgentName } from "./agent-commands.ts";
import { checkImage, readNext } from "./check-image.ts";
import type { Slot, TestedDevice } from "./device.ts";
import type { PlainImage } from "./image-copy.ts";
import { ManagedDevice, type OfferedArtifact, type Patience } from "./managed-device.ts";
import { managed } from "./managed-scenarios.ts";
import type { Outcome, TestReport } from "./outcome.ts";
import { powerCuts } from "./power-cuts-scenario.ts";
import { QemuDevice, type SlotPlace } from "./qemu-device.ts";
import { type Progress, runScenarios, withNeeds } from "./run-scenarios.ts";
import { SCENARIOS, type Scenario } from "./scenarios.ts";

export interface TestOptions {
  readonly image: PlainImage;
  /** The name of the image for the report. */
  readonly shown: string;
  readonly board: HarnessBoard;
  /** Paths of Artifacts with different contents; the first one is tested. */
  readonly artifacts: readonly [string, ...string[]];
  readonly access: Access;
  readonly agent: AgentName;
  /** Names; all of them by default. */
  readonly scenarios?: readonly string[] | undefined;
  /** Lets the agent run as a daemon of a server, which the harness stands in for. */
  readonly server?: boolean;
  readonly cuts: number;
  readonly seed: number;
  readonly startMs: number;
  /** Boots the image even if the inspection finds something wrong. */
  readonly bootAnyway?: boolean;
  readonly kvm?: boolean;
  readonly processor?: number;
  /** For the disk, and for what remains of the test. */
  readonly folder: string;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Receives a line about each power cut. */
  tell(line: string): void;
}

/** Between two looks at whether the system of a managed device has restarted. */
const LOOK_MS = 10_000;

/** The names of all scenarios, in the order in which they run. */
export const SCENARIO_NAMES: readonly string[] = [...SCENARIOS.map(({ name }) => name), "power-cuts"];

/** Checks the image, boots a copy of it, and runs the scenarios. */
export async function testImage(options: TestOptions): Promise<TestReport> {
  const { image, artifacts, agent, signal, progress, seed } = options;
  const report = await inspectImage(image.path, signal);
  const next = await readNext(artifacts[0], signal).catch((error: unknown) => {
    signal.throwIfAborted();
    if (error instanceof AgentError) return error;
    throw error;
  });
  const checks = checkImage(report, next, agent);
  for (const check of checks) progress.ended(check);
  const scenarios = chosen(options);
  const isSound = checks.every(({ result }) => result !== "failed");
  const outcomes =
    isSound || options.bootAnyway === true ? await onDevice(options, report, scenarios) : scenarios.map(notRun);
  if (!isSound && options.bootAnyway !== true) for (const each of outcomes) progress.ended(each);
  const all = [...checks, ...outcomes];
  const ok = all.every(({ result }) => result !== "failed");
  return {
    image: options.shown,
    artifact: artifacts[0],
    agent,
    server: options.server === true,
    seed,
    ok,
    outcomes: all,
  };
}

const notRun = ({ name, promise }: Scenario): Outcome => ({
  ...{ name, promise, result: "skipped", seconds: 0 },
  found: "Not run, because the image would not pass. --boot-anyway runs it nevertheless.",
});

function chosen({ scenarios = SCENARIO_NAMES, cuts, seed, tell, server }: TestOptions): readonly Scenario[] {
  const all = [...SCENARIOS, ...(cuts > 0 ? [powerCuts(cuts, seed, tell)] : [])];
  return withNeeds(server === true ? managed(all) : all, scenarios);
}

async function onDevice(
  options: TestOptions,
  report: ImageReport,
  scenarios: readonly Scenario[],
): Promise<readonly Outcome[]> {
  const { image, board, access, artifacts, folder, startMs, signal, kvm, processor } = options;
  const server = await ArtifactServer.start(artifacts);
  const { hardware } = board;
  const places = slotPlaces(report);
  const device = new QemuDevice({
    ...{ hardware, access, folder, startMs, signal, server },
    agent: AGENT_COMMANDS[options.agent],
    copyImage: (disk) => image.copyTo(disk, hardware.needsPowerOfTwo),
    slots: { A: places.A.number, B: places.B.number },
    places,
    environmentOffsets: environmentOffsets(report),
    ...(kvm !== undefined && { kvm }),
    ...(processor !== undefined && { processor }),
  });
  const api = options.server === true ? await DeviceApi.start() : undefined;
  try {
    const tested: TestedDevice =
      api === undefined ? device : new ManagedDevice(device, api, await offered(artifacts, signal), patience(startMs));
    await tested.reset();
    return await runScenarios(tested, scenarios, options.progress, signal);
  } finally {
    await device.close();
    await api?.close();
    await server.close();
  }
}

/** What the server says of each Artifact. @throws {AgentError} the codes of `openArtifact` */
const offered = (artifacts: readonly string[], signal: AbortSignal): Promise<readonly OfferedArtifact[]> =>
  Promise.all(artifacts.map((path) => readNext(path, signal)));

const patience = (startMs: number): Patience => ({ connectMs: startMs, updateMs: 3 * startMs, lookMs: LOOK_MS });

/** @throws {AgentError} IMAGE_NO_SLOTS */
function slotPlaces({
  partitions,
  path,
}: ImageReport): Readonly<Record<Slot, SlotPlace & { readonly number: number }>> {
  const [A, B] = (["A", "B"] as const).map((slot) => partitions.find(({ role }) => role === slot));
  if (A === undefined || B === undefined) throw new AgentError("HARNESS_SLOTS", { path });
  return { A, B };
}

/** The offsets of U-Boot's environment on the disk, as far as it is on the disk itself and not on a partition. */
function environmentOffsets({ bootloader }: ImageReport): readonly number[] {
  if (bootloader?.kind !== "uboot") return [];
  return (bootloader.environment?.copies ?? []).flatMap(({ place }) => {
    const [, offset] = /^\/dev\/(?:mmcblk\d+|nvme\d+n\d+|[shv]d[a-z]+) (0x[0-9a-f]+)$/.exec(place) ?? [];
    return offset === undefined ? [] : [Number(offset)];
  });
}
