import { readFile } from "node:fs/promises";
import { adapterEnvironment } from "../adapters/kit/context.ts";
import { createPayloadRig, payloadFolder } from "../adapters/kit/payload-rig.ts";
import { createChildProcess } from "../adapters/process/child-process.ts";
import { type Examine, promisesOf } from "./compose-examination.ts";
import { createAdapterPayload } from "./compose-payload.ts";
import { sampleImage } from "./contracts/device.ts";
import { act, download, PAYLOAD_CONTRACT } from "./contracts/payload-handler.ts";
import { PAYLOAD_STORAGE_CONTRACT } from "./contracts/payload-storage.ts";
import { diskActs } from "./util/durable-file.ts";

const SAMPLE_BYTES = 100_001;

/** A device in the sandbox's folder, whose payloads are installed by the adapter that is checked. */
export const examinePayload: Examine = async ({ source, from, options, payload }, sandbox) => {
  const { root } = sandbox;
  const slots = { A: "", B: "" };
  const env = adapterEnvironment({ root, slots, options }, { ...process.env, LC_ALL: "C" });
  const observed = sandbox.observe(createChildProcess({ env }));
  const parts = { root, slots, options, process: observed, acts: sandbox.acts };
  const content = payload === undefined ? sampleImage(SAMPLE_BYTES) : await readFile(payload);
  let instance = 0;
  const rig = await createPayloadRig(sandbox, content, () => {
    instance += 1;
    const one = { source, from, instance };
    return createAdapterPayload("sandbox", one, parts, payloadFolder(root), { ...diskActs, ...sandbox.acts });
  });
  const { signal } = new AbortController();
  return {
    reset: rig.reset,
    functions: {
      download: () => download(rig),
      act: () => act(rig, "ArtifactInstall"),
      needsReboot: () => rig.handler.needsReboot(signal),
      supportsRollback: () => rig.handler.supportsRollback(signal),
    },
    promises: [...promisesOf(PAYLOAD_CONTRACT, rig), ...promisesOf(PAYLOAD_STORAGE_CONTRACT, rig)],
  };
};
