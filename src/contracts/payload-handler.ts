import assert from "node:assert/strict";
import type { ModuleAction, PayloadContext, PayloadHandler, PayloadStream } from "../ports/payload-handler.ts";
import type { ContractCheck } from "./contract.ts";
import { withCode } from "./device.ts";
import { samplePayload } from "./sample-payload.ts";

/** A device on which one payload is to be installed; at first nothing of its kind is. */
export interface PayloadRig {
  /** Of the process that runs now: `reboot` gives way to another. */
  readonly handler: PayloadHandler;
  /** Content of the payload's one file. */
  readonly content: Uint8Array;
  /** Content of an earlier version. */
  readonly earlier: Uint8Array;
  /** What the device runs, or will run, as a text to compare. */
  installed(): Promise<string>;
  /** What the handler keeps for itself between its calls: empty when it keeps nothing. */
  kept(): Promise<string>;
  /** The agent's process ends, the device restarts, and another process begins. */
  reboot(): Promise<void>;
  /** Damages the version that is installed, as an accident would: half of it is left. */
  tear(): Promise<void>;
  /** From now on `reset` brings back what the device holds now. */
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

/** Installs the earlier version and commits it, as an update that is long over. */
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

/** A promise for every start. */
interface PromiseFromStart<Rig> {
  readonly title: string;
  /** @param changes whether the device does not hold already what is installed */
  run(rig: Rig, changes: boolean): Promise<void>;
}

interface Start {
  /** End of a promise's title. */
  readonly title: string;
  arrange(rig: PayloadRig): Promise<void>;
}

const FROM_NOTHING: Start = { title: "", arrange: async () => undefined };
const OVER_EARLIER: Start = { title: ", over an earlier version", arrange: installEarlier };
const OVER_HALF: Start = { title: ", over half of an earlier version", arrange: installEarlierAndTear };

/** A handler that is tried on an empty device alone may delete what was there before, and nobody notices. */
const EVERY_START: readonly Start[] = [FROM_NOTHING, OVER_EARLIER, OVER_HALF];
/** For promises that take long. */
export const WHOLE_STARTS: readonly Start[] = [FROM_NOTHING, OVER_EARLIER];

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

/** As the driver does it: the agent reboots where the handler wants that. */
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

const PROMISES: readonly PromiseFromStart<PayloadRig>[] = [
  {
    title: "downloading installs nothing",
    async run(rig) {
      const before = await rig.installed();
      await download(rig);
      assert.equal(await rig.installed(), before);
    },
  },
  {
    title: "installing changes what is installed, and a second time nothing more",
    async run(rig, changes) {
      const before = await rig.installed();
      await download(rig);
      await act(rig, "ArtifactInstall");
      const after = await rig.installed();
      if (changes) assert.notEqual(after, before, "ArtifactInstall was done, and what is installed is as before it");
      await act(rig, "ArtifactInstall");
      assert.equal(await rig.installed(), after, "what is installed after the second time");
    },
  },
  {
    title: "what was committed stays, through Cleanup and the next restart",
    async run(rig, changes) {
      const before = await rig.installed();
      await installAndReboot(rig);
      await act(rig, "ArtifactCommit", "Cleanup");
      const after = await rig.installed();
      if (changes) assert.notEqual(after, before, "the update was committed, and what is installed is as before it");
      await rig.reboot();
      assert.equal(await rig.installed(), after);
    },
  },
  {
    title: "rolling back brings back what was there before, in another process, and also when it is repeated",
    async run(rig) {
      const before = await rig.installed();
      await installAndReboot(rig);
      if (!(await rig.handler.supportsRollback(signal))) return;
      await rollBackAndReboot(rig);
      assert.equal(await rig.installed(), before, "what is installed");
      await act(rig, "ArtifactRollback");
      assert.equal(await rig.installed(), before, "what is installed after the second time");
      await act(rig, "ArtifactFailure", "Cleanup");
      assert.equal(await rig.installed(), before, "what is installed after Cleanup");
    },
  },
  {
    title: "rolling back before the restart brings back what was there before",
    async run(rig) {
      const before = await rig.installed();
      await download(rig);
      await act(rig, "ArtifactInstall");
      if (!(await rig.handler.supportsRollback(signal))) return;
      await act(rig, "ArtifactRollback");
      assert.equal(await rig.installed(), before);
    },
  },
  {
    title: "installing twice leaves the same way back",
    async run(rig) {
      const before = await rig.installed();
      await download(rig);
      if (!(await rig.handler.supportsRollback(signal))) return;
      await act(rig, "ArtifactInstall", "ArtifactInstall", "ArtifactRollback");
      assert.equal(await rig.installed(), before, "ArtifactInstall came twice, and ArtifactRollback did not undo it");
    },
  },
  {
    title: "Cleanup leaves nothing of the handler's own behind, and may be repeated",
    async run(rig) {
      await installAndReboot(rig);
      await act(rig, "ArtifactCommit", "Cleanup");
      assert.equal(await rig.kept(), "");
      await act(rig, "Cleanup");
      await rig.reboot();
      await act(rig, "Cleanup");
      assert.equal(await rig.kept(), "");
    },
  },
  {
    title: "a damaged payload fails the download, and installs nothing",
    async run(rig) {
      const before = await rig.installed();
      await assert.rejects(download(rig, samplePayload(rig.content, "damaged")), withCode("ARTIFACT_CHECKSUM"));
      assert.equal(await rig.installed(), before);
      await act(rig, "ArtifactFailure", "Cleanup");
      assert.equal(await rig.kept(), "");
    },
  },
  {
    title: "an update begins anew where an earlier one was cut off",
    async run(rig) {
      await assert.rejects(download(rig, samplePayload(rig.content, "damaged")));
      await rig.reboot();
      await installAndReboot(rig);
      await act(rig, "ArtifactCommit", "Cleanup");
      assert.equal(await rig.kept(), "");
    },
  },
  {
    title: "the answers about reboot and rollback are the same when they are asked again",
    async run(rig) {
      await download(rig);
      await act(rig, "ArtifactInstall");
      const ask = async () => [await rig.handler.needsReboot(signal), await rig.handler.supportsRollback(signal)];
      assert.deepEqual(await ask(), await ask());
    },
  },
];

/** The promises of the port `PayloadHandler`, for every implementation of it. */
export const PAYLOAD_CONTRACT: readonly ContractCheck<PayloadRig>[] = fromStarts(PROMISES, EVERY_START);
