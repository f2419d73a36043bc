import type { VerificationKey } from "../../artifact/signature.ts";
import type { Store } from "../../ports/store.ts";
import type { ByteSource } from "../../util/byte-source.ts";
import type { ScriptStage } from "../scripts/extract.ts";
import { checkDepends, checkRoom } from "./depends.ts";
import { type KeepOptions, type OpenedArtifact, openForInstall } from "./open-artifact.ts";
import { flatProvides, readProvides } from "./provides.ts";

export interface AdmissionParts {
  readonly store: Pick<Store, "load">;
  /** Each Artifact must be signed by one of these keys. Empty: the agent does not check signatures. */
  readonly verifyKeys: readonly VerificationKey[];
  /** Refuses everything that the reference clients refuse. */
  readonly strictCompat: boolean;
  readonly scriptStage: ScriptStage;
  /** @throws {AgentError} DEVICE_TYPE_FILE */
  deviceType(): Promise<string>;
  /**
   * Fails if this device has no handler for such a payload, or must not run it.
   *
   * @throws {AgentError} PAYLOAD_UNSUPPORTED, BOARD_UNCONFINED
   */
  expectHandler(type: string, index: number): Promise<void>;
  /** Fails if this device must not run a script of the Artifact. @throws {AgentError} BOARD_UNCONFINED */
  expectScript(name: string): Promise<void>;
}

/** The only way for an Artifact onto the device, for the command line and the server alike. */
export interface Admission {
  /**
   * Reads and verifies everything before the payload. Changes nothing: it stores state scripts where they cannot run.
   *
   * @throws {AgentError} PAYLOAD_COUNT, and the codes of a damaged or unsigned Artifact
   */
  open(source: ByteSource, options?: Pick<KeepOptions, "keep" | "resume">): Promise<OpenedArtifact>;
  /**
   * Refuses an Artifact that is not for this device, before any change, and puts its scripts in place.
   *
   * @throws {AgentError} DEVICE_TYPE_FILE, DEVICE_TYPE_MISMATCH, DEPENDS_MISMATCH, PROVIDES_LIMIT, PAYLOAD_UNSUPPORTED,
   * SCRIPT_FOLDER, BOARD_UNCONFINED
   */
  admit(artifact: OpenedArtifact): Promise<void>;
}

export function createAdmission(parts: AdmissionParts): Admission {
  const { store, scriptStage, verifyKeys, strictCompat } = parts;
  return {
    open: (source, options) => openForInstall(source, { verifyKeys, strictCompat, scriptStage, ...options }),
    async admit({ info, record }) {
      const deviceType = await parts.deviceType();
      const provides = readProvides(await store.load());
      checkDepends(info, deviceType, flatProvides(provides));
      checkRoom(provides, record);
      for (const [index, type] of record.payloadTypes.entries()) {
        if (type !== null) await parts.expectHandler(type, index);
      }
      await scriptStage.admit(info.scripts);
      for (const name of info.scripts) await parts.expectScript(name);
    },
  };
}
