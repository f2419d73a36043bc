import type { KeyObject } from "node:crypto";
import { AgentError } from "../errors/agent-error.ts";

/** Kinds of keys that sign Artifacts. Other clients know the first two. */
export type KeyAlgorithm = "rsa" | "ecdsa-p256" | "ed25519";

/** @throws {AgentError} KEY_UNSUPPORTED with the type, or the curve, that was found */
export function keyAlgorithm(key: KeyObject, path: string): KeyAlgorithm {
  const type = key.asymmetricKeyType ?? "unknown";
  if (type === "rsa" || type === "ed25519") return type;
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (type === "ec" && curve === "prime256v1") return "ecdsa-p256";
  throw new AgentError("KEY_UNSUPPORTED", { path, type, ...(curve === undefined ? {} : { curve }) });
}
