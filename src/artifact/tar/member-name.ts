import { isUtf8 } from "node:buffer";
import { AgentError } from "../../errors/agent-error.ts";

/** Longest name of a member: PATH_MAX of Linux. */
const MAX_NAME_CHARACTERS = 4096;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/**
 * A name as text, out of the bytes of a header block, a PAX record or a GNU long name.
 *
 * @param bytes one character a byte
 * @throws {AgentError} ARTIFACT_MEMBER_NAME: bytes that are not UTF-8 would be another name when they are written
 */
export function decodeMemberName(bytes: string): string {
  const encoded = Buffer.from(bytes, "latin1");
  if (isUtf8(encoded)) return encoded.toString("utf8");
  throw new AgentError("ARTIFACT_MEMBER_NAME", { name: bytes.slice(0, 200), reason: "not UTF-8" });
}

/**
 * Refuses names that could lead out of a folder or steer a terminal, before anybody looks at what they name.
 *
 * @throws {AgentError} ARTIFACT_MEMBER_NAME
 */
export function checkMemberName(name: string): void {
  const reason = whatIsWrong(name);
  if (reason !== undefined) throw new AgentError("ARTIFACT_MEMBER_NAME", { name: name.slice(0, 200), reason });
}

function whatIsWrong(name: string): string | undefined {
  if (name === "") return "empty";
  if (name.length > MAX_NAME_CHARACTERS) return "too long";
  if (CONTROL.test(name)) return "control character";
  if (name.startsWith("/")) return "absolute";
  if (name.split("/").includes("..")) return "leaves the folder";
  return undefined;
}

/** What a payload file may be called: safe as a file name wherever a module stores it. */
const DATA_FILE_NAME = /^[A-Za-z0-9_\-.,]+$/;
/** NAME_MAX of Linux file systems. */
const MAX_FILE_NAME_CHARACTERS = 255;

/** @throws {AgentError} ARTIFACT_MEMBER_NAME */
export function checkDataFileName(name: string): void {
  checkMemberName(name);
  const allowed = DATA_FILE_NAME.test(name) && name !== "." && name.length <= MAX_FILE_NAME_CHARACTERS;
  if (!allowed) {
    throw new AgentError("ARTIFACT_MEMBER_NAME", { name: name.slice(0, 200), reason: "not a payload file name" });
  }
}
