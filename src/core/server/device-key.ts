import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { dirname } from "node:path";
import { keyWeakness, refuseForgeable } from "../../artifact/key-algorithm.ts";
import { AgentError } from "../../errors/agent-error.ts";
import type { FileActs, FileReads } from "../../ports/files.ts";
import { ensureFolder } from "../../util/ensure-folder.ts";
import { errnoOf } from "../../util/errno.ts";
import type { Logger } from "../../util/logger.ts";
import { replaceFile } from "../../util/replace-file.ts";
import { setAside } from "../../util/set-aside.ts";
import { readSmallFile } from "../../util/small-file.ts";

export interface DeviceKeyFile {
  readonly path: string;
  /** The user provides the file (`Security.AuthPrivateKey`): the agent never creates or replaces it. */
  readonly isGiven: boolean;
  readonly passphrase?: string | undefined;
}

/** The file access that the key needs. */
export interface KeyFiles {
  readonly acts: FileActs;
  readonly reads: Pick<FileReads, "lookNow">;
}

/**
 * Loads the key that identifies this device. If the file is missing or empty, the agent creates an Ed25519 key with
 * mode 0600, durable before it is used. An unreadable key is an error: a replacement would make this device unknown to
 * the server. So is a key for which anybody can forge signatures.
 *
 * @param replace always creates a new key (`--forcebootstrap`); anything but a file in its place, such as a folder,
 * moves to `<path>.damaged`
 * @throws {AgentError} DEVICE_KEY, DEVICE_KEY_WRITE
 */
export async function loadDeviceKey(
  file: DeviceKeyFile,
  log: Logger,
  files: KeyFiles,
  replace = false,
): Promise<KeyObject> {
  if (replace && file.isGiven)
    throw new AgentError("DEVICE_KEY", { path: file.path, reason: "Security.AuthPrivateKey is never replaced" });
  const pem = replace ? undefined : await readKey(file);
  const { acts, reads } = files;
  if (replace && isObstacle(file.path, reads)) await putAside(file.path, log, acts);
  if (pem === undefined) return await makeKey(file.path, log, acts);
  const key = parseKey(pem, file);
  const weakness = keyWeakness(key);
  if (weakness !== undefined) log("warning", `Device key ${file.path}: ${weakness}`);
  return key;
}

/** What the doctor can see of a key. */
export interface KeyFacts {
  /** Its type; `encrypted` if only the passphrase would tell. */
  readonly kind: string | undefined;
  /** Why the key should be replaced. */
  readonly weakness: string | undefined;
}

/**
 * The facts of the existing key, read without its passphrase; `undefined` if there is no key yet.
 *
 * @throws {AgentError} DEVICE_KEY
 */
export async function keyFacts(file: DeviceKeyFile): Promise<KeyFacts | undefined> {
  const pem = await readKey(file);
  if (pem === undefined) return undefined;
  if (/^(?:-----BEGIN|Proc-Type:).*ENCRYPTED/m.test(pem)) return { kind: "encrypted", weakness: undefined };
  const key = parseKey(pem, file);
  return { kind: key.asymmetricKeyType, weakness: keyWeakness(key) };
}

/** The type of the existing key, like `keyFacts`. @throws {AgentError} DEVICE_KEY */
export const keyKind = async (file: DeviceKeyFile): Promise<string | undefined> => (await keyFacts(file))?.kind;

async function readKey({ path, isGiven }: DeviceKeyFile): Promise<string | undefined> {
  try {
    const pem = readSmallFile(path);
    return pem.trim() === "" && !isGiven ? undefined : pem;
  } catch (cause) {
    if (!isGiven && errnoOf(cause) === "ENOENT") return undefined;
    throw new AgentError("DEVICE_KEY", { path }, cause);
  }
}

function parseKey(pem: string, { path, passphrase }: DeviceKeyFile): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: pem, ...(passphrase !== undefined && { passphrase }) });
    refuseForgeable(key, path);
  } catch (cause) {
    throw new AgentError("DEVICE_KEY", { path }, cause);
  }
  if (digestFor(key) !== undefined) return key;
  throw new AgentError("DEVICE_KEY", { path, type: key.asymmetricKeyType ?? "unknown", known: "rsa,ec,ed25519" });
}

/** Whether something other than a key file is at `path`. */
function isObstacle(path: string, reads: KeyFiles["reads"]): boolean {
  try {
    return reads.lookNow(path)?.isFile === false;
  } catch (error) {
    return errnoOf(error) === "ELOOP";
  }
}

async function putAside(path: string, log: Logger, acts: FileActs): Promise<void> {
  try {
    log("warning", `${path} is not a file: moved it to ${await setAside(path, acts)}.`);
  } catch (cause) {
    throw new AgentError("DEVICE_KEY_WRITE", { path }, cause);
  }
}

async function makeKey(path: string, log: Logger, acts: FileActs): Promise<KeyObject> {
  const { privateKey } = generateKeyPairSync("ed25519");
  try {
    await ensureFolder(dirname(path), 0o700, acts);
    await replaceFile(path, privateKey.export({ type: "pkcs8", format: "pem" }).toString(), acts, 0o600);
  } catch (cause) {
    throw new AgentError("DEVICE_KEY_WRITE", { path }, cause);
  }
  log("info", `Made a new device key: ${path}`);
  return privateKey;
}

/** By key type; `null` if the key signs the bytes without a digest. */
const DIGESTS: Readonly<Record<string, string | null>> = { rsa: "sha256", ec: "sha256", ed25519: null };

const digestFor = ({ asymmetricKeyType }: KeyObject): string | null | undefined => DIGESTS[asymmetricKeyType ?? ""];

/**
 * Base64 signature of exactly these bytes: RSASSA-PKCS1-v1_5 or ECDSA (in DER form) with SHA-256, or Ed25519.
 */
export const signWith = (key: KeyObject, bytes: Uint8Array): string =>
  sign(digestFor(key), bytes, { key, dsaEncoding: "der" }).toString("base64");
