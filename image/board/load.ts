import { dirname } from "node:path";
import { load, YAMLException } from "js-yaml";
import type * as z from "zod/mini";
import { AgentError } from "../../src/errors/agent-error.ts";
import { readSmallFile } from "../../src/util/small-file.ts";
import { layoutOf } from "../layout.ts";
import { checkBoard } from "./check.ts";
import { lineOf } from "./lines.ts";
import { BoardSchema, type ImageBoard } from "./schema.ts";

/** @throws {AgentError} BOARD_FILE_INVALID, which names the line and the key */
export function loadImageBoard(file: string): ImageBoard {
  let text: string;
  try {
    text = readSmallFile(file);
  } catch (cause) {
    throw new AgentError("BOARD_FILE_INVALID", { file }, cause);
  }
  return parseImageBoard(text, file);
}

/** @param file path for messages; paths in the text are relative to its folder */
export function parseImageBoard(text: string, file: string): ImageBoard {
  const parsed = BoardSchema.safeParse(parseYaml(text, file));
  if (!parsed.success) {
    // A misspelt key is missing, too; its own line is the place to look at.
    const { issues } = parsed.error;
    const issue = issues.find(({ code }) => code === "unrecognized_keys") ?? issues[0];
    throw invalid(text, file, ...problemOf(issue ?? { code: "custom", path: [], message: "not valid" }));
  }
  const board = { ...parsed.data, folder: dirname(file), file };
  const problem = checkBoard(board) ?? (board.disk === undefined ? undefined : layoutOf(board).problem);
  if (problem !== undefined) throw invalid(text, file, problem.path, problem.reason);
  return board;
}

function parseYaml(text: string, file: string): unknown {
  try {
    return load(text);
  } catch (cause) {
    if (!(cause instanceof YAMLException)) throw cause;
    const line = (cause.mark?.line ?? 0) + 1;
    throw new AgentError("BOARD_FILE_INVALID", { file, line, reason: cause.reason });
  }
}

type Issue = z.core.$ZodIssue | { readonly code: "custom"; readonly path: PropertyKey[]; readonly message: string };

/** The place of the problem, and a sentence about it. */
function problemOf(issue: Issue): readonly [path: readonly PropertyKey[], reason: string] {
  if (issue.code === "unrecognized_keys") return [[...issue.path, issue.keys[0] ?? ""], "unknown key"];
  // Of a union, the first reason is enough.
  if (issue.code === "invalid_union" && issue.errors[0]?.[0] !== undefined && issue.errors[0][0].path.length > 0) {
    const [path, reason] = problemOf(issue.errors[0][0]);
    return [[...issue.path, ...path], reason];
  }
  return [issue.path, reasonOf(issue)];
}

function reasonOf(issue: Issue): string {
  if (issue.code === "invalid_type") return issue.input === undefined ? "missing" : `expected ${issue.expected}`;
  if (issue.code === "invalid_value") return `expected ${issue.values.map(String).join(" or ")}`;
  if (issue.code === "invalid_union") return "note" in issue && issue.note !== undefined ? "unknown kind" : "not valid";
  if (issue.code === "too_small" || issue.code === "too_big") return "wrong length";
  return issue.message;
}

function invalid(text: string, file: string, path: readonly PropertyKey[], reason: string): AgentError {
  const key = path.map(String).join(".") || "(top)";
  return new AgentError("BOARD_FILE_INVALID", { file, line: lineOf(text, path), key, reason });
}
