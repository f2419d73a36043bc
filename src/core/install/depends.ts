import type { ArtifactInfo, Provides } from "../../artifact/model.ts";
import { AgentError } from "../../errors/agent-error.ts";

/**
 * Holds what an Artifact asks for against what the device is. Every key that the Artifact depends on
 * must be there, with one of the values it accepts.
 *
 * @throws {AgentError} DEVICE_TYPE_MISMATCH, DEPENDS_MISMATCH
 * @see spec "artifact-format", section 10
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
