import { join, resolve } from "node:path";
import { createExternalHandler } from "../../../adapters/payload/external/handler.ts";
import { readDeviceType } from "../../config/device-type.ts";
import { readProvides } from "../../core/install/provides.ts";
import type { PayloadHandler } from "../../ports/payload-handler.ts";
import type { ModuleParts } from "./module-parts.ts";

/** @param index of the payload in the Artifact, which numbers the file tree that the module works in */
export function composeExternal(
  type: string,
  index: number,
  modulesFolder: string,
  { host, programs, paths, store, log, timeoutMs, deviceTypeFile }: ModuleParts,
): PayloadHandler {
  return createExternalHandler({
    type,
    modulesFolder: resolve(modulesFolder),
    tree: resolve(join(paths.datastore, "modules/v3/payloads", String(index).padStart(4, "0"), "tree")),
    process: host.process(),
    programs,
    acts: host.files,
    log,
    timeoutMs,
    async device() {
      const { name, group } = readProvides(await store.load());
      const deviceType = await readDeviceType(deviceTypeFile);
      return { artifactName: name ?? "unknown", ...(group !== undefined && { artifactGroup: group }), deviceType };
    },
  });
}
