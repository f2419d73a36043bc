import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { ServerError } from "../errors/server-error.ts";

const SHORTEST = 8;

/** A password for a user, and whether a person has to be told about it. */
export interface Password {
  readonly text: string;
  readonly isNew: boolean;
}

/**
 * The first line of the file, or a new password without a file.
 *
 * @throws {ServerError} OPTION_INVALID if it is too short, or if there is no such file
 */
export async function passwordFrom(option: string, file: string | undefined): Promise<Password> {
  if (file === undefined) return { text: randomBytes(15).toString("base64url"), isNew: true };
  const content = await readFile(file, "utf8").catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ServerError("OPTION_INVALID", { option, reason }, { cause });
  });
  const [text = ""] = content.split(/\r?\n/, 1);
  if (text.length < SHORTEST)
    throw new ServerError("OPTION_INVALID", { option, file, reason: `expected ${SHORTEST} characters or more` });
  return { text, isNew: false };
}
