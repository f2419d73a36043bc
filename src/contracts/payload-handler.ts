import type { ModuleAction, PayloadContext, PayloadHandler, PayloadStream } from "../ports/payload-handler.ts";
import { type ContractCheck, expectRefusal, expectSame, expectThat } from "./contract.ts";
import { samplePayload } from "./sample-payload.ts";

/** A device that installs one payload. Initially, no payload of this type is installed. */
export interface PayloadRig {
  /** The handler in the current process; `reboot` replaces it. */
  readonly handler: PayloadHandler;
  /** Content of the payload's only file. */
  readonly content: Uint8Array;
  /** Content of an earlier version. */
  readonly earlier: Uint8Array;
  /** What the device runs, or will run, as text for comparison. */
  installed(): Promise<string>;
  /** State that the handler keeps between its calls; empty if it keeps none. */
  kept(): Promise<string>;
  /** Ends the agent's process, restarts the device and starts a new process. */
  reboot(): Promise<void>;
  /** Damages the installed version as an accident would: half of it remains. */
  tear(): Promise<void>;
  /** Makes the current state of the device the one that `reset` restores. */
  keep(): Promise<void>;
}

const { signal } = new AbortController();

export async function download(rig: PayloadRig, payload: PayloadStream = samplePayload(rig.content)): Promise<void> {
  const { type } = rig.handler;
  const context: PayloadContext = {
    artifactName: "release-2",
    payloadType: type,
    headerInfo: { payloads: [{ type }] },
    typeInfo: { type },
    texts: { headerInfo: JSON.stringify({ payloads: [{ type }] }), typeInfo: JSON.stringify({ type }) },
  };
  await rig.handler.prepare?.(context, signal);
  await rig.handler.download(payload, signal);
}

export async function act(rig: PayloadRig, ...actions: readonly ModuleAction[]): Promise<void> {
  for (const action of actions) await rig.handler.act(action, signal);
}

/** Installs and commits the earlier version, like an update that was completed long ago. */
async function installEarlier(rig: PayloadRig): Promise<void> {
  await installAndReboot(rig, samplePayload(rig.earlier));
  await act(rig, "ArtifactCommit", "Cleanup");
  await rig.keep();
}

async function installEarlierAndTear(rig: PayloadRig): Promise<void> {
  await installEarlier(rig);
  await rig.tear();
  await rig.keep();
}

/** A promise that is checked from several starting states. */
interface PromiseFromStart<Rig> {
  readonly title: string;
  /** @param changes whether the payload differs from what the device already holds */
  run(rig: Rig, changes: boolean): Promise<void>;
}

interface Start {
  /** Suffix of a promise's title. */
  readonly title: string;
  arrange(rig: PayloadRig): Promise<void>;
}

const FROM_NOTHING: Start = { title: "", arrange: async () => undefined };
const OVER_EARLIER: Start = { title: ", over an earlier version", arrange: installEarlier };
const OVER_HALF: Start = { title: ", over half of an earlier version", arrange: installEarlierAndTear };

/** The starting states. A check on an empty device alone would miss a handler that deletes the previous version. */
export const EVERY_START: readonly Start[] = [FROM_NOTHING, OVER_EARLIER, OVER_HALF];

export const fromStarts = <Rig extends PayloadRig>(
  checks: readonly PromiseFromStart<Rig>[],
  starts: readonly Start[],
): readonly ContractCheck<Rig>[] =>
  starts.flatMap((start) =>
    checks.map(({ title, run }) => ({
      title: `${title}${start.title}`,
      async run(rig: Rig) {
        await start.arrange(rig);
        await run(rig, start !== OVER_EARLIER || Buffer.compare(rig.content, rig.earlier) !== 0);
      },
    })),
  );

/** Installs like the driver: the agent reboots if the handler requests it. */
async function installAndReboot(rig: PayloadRig, payload?: PayloadStream): Promise<void> {
  await download(rig, payload);
  await act(rig, "ArtifactInstall");
  if ((await rig.handler.needsReboot(signal)) === "No") return;
  await act(rig, "ArtifactReboot");
  await rig.reboot();
  await act(rig, "ArtifactVerifyReboot");
}

async function rollBackAndReboot(rig: PayloadRig): Promise<void> {
  await act(rig, "ArtifactRollback");
  if ((await rig.handler.needsReboot(signal)) === "No") return;
  await act(rig, "ArtifactRollbackReboot");
  await rig.reboot();
  await act(rig, "ArtifactVerifyRollbackReboot");
}

/** Compares what is installed, given as names and checksums, and reports the differences in words. */
export async function expectInstalled(rig: PayloadRig, expected: string, when: string): Promise<void> {
  const found = await rig.installed();
  if (found === expected) return;
  const [is, was] = [linesByName(found), linesByName(expected)];
  const told = [
    ...[...was].filter(([name]) => !is.has(name)).map(([name]) => `${name} is missing`),
    ...[...is].filter(([name]) => !was.has(name)).map(([name]) => `${name} exists, but was not expected`),
    ...[...is]
      .filter(([name, line]) => was.has(name) && was.get(name) !== line)
      .map(([name]) => `${name} has unexpected content`),
  ];
  expectThat(false, `${when}: ${told.join(", ")}`);
}

const linesByName = (text: string): ReadonlyMap<string, string> =>
  new Map(text === "" ? [] : text.split("\n").map((line) => [line.split(" ")[0] ?? "", line]));

const expectNothingKept = async (rig: PayloadRig, when: string): Promise<void> =>
  expectSame(await rig.kept(), "", `${when}: state that the handler keeps`);

const NO_CHANGE = "the installed version has not changed";

const PROMISES: readonly PromiseFromStart<PayloadRig>[] = [
  {
    title: "downloading installs nothing",
    async run(rig) {
      const before = await rig.installed();
      await download(rig);
      await expectInstalled(rig, before, "after the download, before ArtifactInstall");
    },
  },
  {
    title: "ArtifactInstall installs the update, and a second ArtifactInstall changes nothing more",
    async run(rig, changes) {
      const before = await rig.installed();
      await download(rig);
      await act(rig, "ArtifactInstall");
      const after = await rig.installed();
      expectThat(!changes || after !== before, `ArtifactInstall succeeded, but ${NO_CHANGE}`);
      await act(rig, "ArtifactInstall");
      await expectInstalled(rig, after, "after a second ArtifactInstall");
    },
  },
  {
    title: "a committed update survives Cleanup and the next restart",
    async run(rig, changes) {
      const before = await rig.installed();
      await installAndReboot(rig);
      await act(rig, "ArtifactCommit", "Cleanup");
      const after = await rig.installed();
      expectThat(!changes || after !== before, `the update was committed, but ${NO_CHANGE}`);
      await rig.reboot();
      await expectInstalled(rig, after, "after the commit and a restart");
    },
  },
  {
    title: "ArtifactRollback restores the previous state, even in a new process and when it is repeated",
    async run(rig) {
      const before = await rig.installed();
      await installAndReboot(rig);
      if (!(await rig.handler.supportsRollback(signal))) return;
      await rollBackAndReboot(rig);
      await expectInstalled(rig, before, "after ArtifactRollback");
      await act(rig, "ArtifactRollback");
      await expectInstalled(rig, before, "after a second ArtifactRollback");
      await act(rig, "ArtifactFailure", "Cleanup");
      await expectInstalled(rig, before, "after ArtifactRollback and Cleanup");
    },
  },
  {
    title: "ArtifactRollback before the restart restores the previous state",
    async run(rig) {
      const before = await rig.installed();
      await download(rig);
      await act(rig, "ArtifactInstall");
      if (!(await rig.handler.supportsRollback(signal))) return;
      await act(rig, "ArtifactRollback");
      await expectInstalled(rig, before, "after ArtifactInstall, then ArtifactRollback");
    },
  },
  {
    title: "after a second ArtifactInstall, ArtifactRollback still restores the previous state",
    async run(rig) {
      const before = await rig.installed();
      await download(rig);
      if (!(await rig.handler.supportsRollback(signal))) return;
      await act(rig, "ArtifactInstall", "ArtifactInstall", "ArtifactRollback");
      await expectInstalled(rig, before, "after ArtifactInstall twice, then ArtifactRollback");
    },
  },
  {
    title: "Cleanup removes all state that the handler keeps, and can be repeated",
    async run(rig) {
      await installAndReboot(rig);
      await act(rig, "ArtifactCommit", "Cleanup");
      await expectNothingKept(rig, "after the commit and Cleanup");
      await act(rig, "Cleanup");
      await rig.reboot();
      await act(rig, "Cleanup");
      await expectNothingKept(rig, "after Cleanup was repeated");
    },
  },
  {
    title: "the handler rejects a damaged payload during the download and installs nothing",
    async run(rig) {
      const before = await rig.installed();
      const damaged = download(rig, samplePayload(rig.content, "damaged"));
      await expectRefusal(damaged, "the download of a damaged payload", "ARTIFACT_CHECKSUM");
      await expectInstalled(rig, before, "after the download of a damaged payload");
      await act(rig, "ArtifactFailure", "Cleanup");
      await expectNothingKept(rig, "after the download of a damaged payload and Cleanup");
    },
  },
  {
    title: "after an interrupted update, the next update starts from the beginning",
    async run(rig) {
      await expectRefusal(download(rig, samplePayload(rig.content, "damaged")), "the download of a damaged payload");
      await rig.reboot();
      await installAndReboot(rig);
      await act(rig, "ArtifactCommit", "Cleanup");
      await expectNothingKept(rig, "after a complete update that followed an interrupted one");
    },
  },
  {
    title: "NeedsArtifactReboot and SupportsRollback give the same answers when they are repeated",
    async run(rig) {
      await download(rig);
      await act(rig, "ArtifactInstall");
      const ask = async () => [await rig.handler.needsReboot(signal), await rig.handler.supportsRollback(signal)];
      expectSame(await ask(), await ask(), "NeedsArtifactReboot and SupportsRollback, repeated");
    },
  },
];

/** The promises of the `PayloadHandler` port. Every implementation must keep them. */
export const PAYLOAD_CONTRACT: readonly ContractCheck<PayloadRig>[] = fromStarts(PROMISES, EVERY_START);
