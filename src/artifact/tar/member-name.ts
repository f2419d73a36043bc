import { isUtf8 } from "node:buffer";
import { AgentError } from "../../errors/agent-error.ts";

/** Longest member name: PATH_MAX of Linux. */
const MAX_NAME_CHARACTERS = 4096;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/**
 * Decodes a name from the bytes of a header block, a PAX record or a GNU long name.
 *
 * @param bytes one character per byte
 * @throws {AgentError} ARTIFACT_MEMBER_NAME if the bytes are not UTF-8: written to disk, they would become another name
 */
export function decodeMemberName(bytes: string): string {
  const encoded = Buffer.from(bytes, "latin1");
  if (isUtf8(encoded)) return encoded.toString("utf8");
  throw new AgentError("ARTIFACT_MEMBER_NAME", { name: bytes.slice(0, 200), reason: "not UTF-8" });
}

/**
 * Refuses names that could escape from a folder or control a terminal, before their content is read.
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

/** Valid names of payload files: safe as a file name wherever a module stores them. */
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
