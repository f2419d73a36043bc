import { readFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { createPayloadRig, payloadFolder } from "../../../adapters/check/payload-rig.ts";
import type { Sandbox } from "../../../adapters/check/sandbox.ts";
import { diskActs } from "../../../adapters/files/disk.ts";
import { adapterEnvironment } from "../../../adapters/foreign/context.ts";
import { createExternalHandler } from "../../../adapters/payload/external/handler.ts";
import { type ChildProcessOptions, createChildProcess } from "../../../adapters/process/child-process.ts";
import { createOwnRootProcess } from "../../../adapters/process/own-root.ts";
import { sampleImage } from "../../contracts/device.ts";
import { act, download, PAYLOAD_CONTRACT } from "../../contracts/payload-handler.ts";
import { PAYLOAD_READ_CONTRACT } from "../../contracts/payload-reads.ts";
import { PAYLOAD_STORAGE_CONTRACT } from "../../contracts/payload-storage.ts";
import type { FileActs } from "../../ports/files.ts";
import type { PayloadHandler } from "../../ports/payload-handler.ts";
import type { Process } from "../../ports/process.ts";
import { createAdapterPayload } from "../device/payload.ts";
import { type CheckRequest, type Examine, promisesOf } from "./examination.ts";

const SAMPLE_BYTES = 100_001;
const EARLIER_BYTES = 70_003;

/** A device in the sandbox folder. The adapter or update module under test installs its payloads. */
export const examinePayload: Examine = async (request, sandbox) => {
  const { source, from, options, payload } = request;
  const { root } = sandbox;
  const slots = { A: "", B: "" };
  const env = adapterEnvironment({ root, slots, options }, { ...process.env, LC_ALL: "C" });
  const observed = sandbox.observe(createChildProcess({ env }));
  const { calls } = sandbox;
  const parts = { root, slots, options, process: observed, acts: sandbox.acts, readFile: sandbox.readFile, calls };
  const given = payload === undefined ? undefined : await readFile(payload);
  // A handler that accepts only the given payload would refuse a made-up earlier version.
  const contents = { content: given ?? sampleImage(SAMPLE_BYTES), earlier: given ?? sampleImage(EARLIER_BYTES, 2) };
  const allActs = { ...diskActs, ...sandbox.acts };
  const programs =
    "program" in source ? await moduleProcess(resolve(from, source.program), request, sandbox, env) : observed;
  let instance = 0;
  const rig = await createPayloadRig(sandbox, contents, async () => {
    if ("program" in source) {
      const own = { process: observed, programs, acts: allActs, timeoutMs: calls.timeoutMs };
      return updateModule(resolve(from, source.program), root, own);
    }
    instance += 1;
    return await createAdapterPayload("sandbox", { source, from, instance }, parts, payloadFolder(root), allActs);
  });
  const { signal } = new AbortController();
  return {
    reset: rig.resetToFactory,
    functions: {
      download: () => download(rig),
      act: () => act(rig, "ArtifactInstall"),
      needsReboot: () => rig.handler.needsReboot(signal),
      supportsRollback: () => rig.handler.supportsRollback(signal),
    },
    promises: [
      ...promisesOf(PAYLOAD_CONTRACT, rig),
      ...promisesOf(PAYLOAD_STORAGE_CONTRACT, rig),
      ...promisesOf(PAYLOAD_READ_CONTRACT, rig),
    ],
  };
};

/** Runs the module with the sandbox folder as its root, by whichever path it names its files. */
async function moduleProcess(
  program: string,
  { onThisMachine }: CheckRequest,
  sandbox: Sandbox,
  env: NonNullable<ChildProcessOptions["env"]>,
): Promise<Process> {
  const { root } = sandbox;
  const folder = dirname(program);
  // Files beside a module may belong to it, except in the folder of all temporary files.
  const readOnly = root.startsWith(`${folder}/`) ? program : folder;
  const own = { root, trustsHonouring: true, folders: [dirname(root)], readOnly, program };
  const guarded = createOwnRootProcess({ ...own, isMachineAllowed: () => onThisMachine }, { env });
  return sandbox.observe(guarded, await guarded.expectToRun(program));
}

interface ModuleParts {
  readonly process: Process;
  readonly programs: Process;
  readonly acts: FileActs;
  readonly timeoutMs: number;
}

/** An update module's payload type is its file name. */
function updateModule(program: string, root: string, parts: ModuleParts): PayloadHandler {
  return createExternalHandler({
    type: basename(program),
    modulesFolder: dirname(program),
    tree: join(payloadFolder(root), "tree"),
    ...parts,
    log: () => undefined,
    device: async () => ({ artifactName: "release-1", deviceType: "sandbox" }),
  });
}
