import type { ArtifactInfo, Provides } from "../../artifact/model.ts";
import { AgentError } from "../../errors/agent-error.ts";
import { committedProvides, type DeviceProvides, type NewProvides } from "./provides.ts";

/** Limits for what a device records about itself: each command reads it, and each poll sends it. */
const MAX_KEYS = 10_000;
const MAX_BYTES = 1024 * 1024;

/**
 * Checks an Artifact's dependencies against the device. The device must have every key that the Artifact depends on,
 * with one of the accepted values.
 *
 * @throws {AgentError} DEVICE_TYPE_MISMATCH, DEPENDS_MISMATCH
 */
export function checkDepends(info: ArtifactInfo, deviceType: string, provides: Provides): void {
  if (!info.deviceTypes.includes(deviceType)) {
    throw new AgentError("DEVICE_TYPE_MISMATCH", { device: deviceType, artifact: info.deviceTypes.join(",") });
  }
  for (const depends of [info.depends, ...info.payloads.map((payload) => payload.depends)]) {
    for (const [key, accepted] of Object.entries(depends)) {
      const value = Object.hasOwn(provides, key) ? provides[key] : undefined;
      if (value === undefined || !accepted.includes(value)) {
        throw new AgentError("DEPENDS_MISMATCH", { key, device: value ?? "(not set)", artifact: accepted.join(",") });
      }
    }
  }
}

/**
 * Checks the size of the provides after the update. Keys that no Artifact clears accumulate over the years. The check
 * runs before the update begins, because a failure at commit would come too late.
 *
 * @throws {AgentError} PROVIDES_LIMIT
 */
export function checkRoom(device: DeviceProvides, fresh: NewProvides): void {
  const after = committedProvides(device, fresh);
  const [keys, bytes] = [Object.keys(after.provides).length, Buffer.byteLength(JSON.stringify(after))];
  if (keys > MAX_KEYS || bytes > MAX_BYTES) {
    throw new AgentError("PROVIDES_LIMIT", { keys, maxKeys: MAX_KEYS, bytes, maxBytes: MAX_BYTES });
  }
}
