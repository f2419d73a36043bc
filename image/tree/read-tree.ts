import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import { createReadStream } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import { AgentError } from "../../src/errors/agent-error.ts";
import { toolMissing } from "../run.ts";
import type { TreeEntry } from "./entry.ts";
import { readTar } from "./read-tar.ts";

/** `keep`: as in the source; `root`: everything belongs to root; `auto`: what belongs to the caller belongs to root. */
export type Owner = "auto" | "root" | "keep";

export interface TreeOptions {
  readonly owner: Owner;
  /** Later times become this one. */
  readonly latest?: number | undefined;
}

/** `folder`, `tar`: contents of a filesystem. `image`: a filesystem. */
export type SourceKind = "folder" | "tar" | "image";

const CHUNK_BYTES = 1024 * 1024;
const PROGRAMS: readonly {
  readonly magic: string;
  readonly argv: readonly [string, ...string[]];
  readonly package: string;
}[] = [
  { magic: "1f8b", argv: ["gzip", "-dc"], package: "gzip" },
  { magic: "fd377a585a00", argv: ["xz", "-dc"], package: "xz-utils" },
  { magic: "28b52ffd", argv: ["zstd", "-dcq"], package: "zstd" },
  { magic: "425a68", argv: ["bzip2", "-dc"], package: "bzip2" },
];

/** Finds out what `path` is. A compressed file is taken as a tar archive. @throws {AgentError} IMAGE_INPUT */
export async function kindOf(path: string): Promise<SourceKind> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new AgentError("IMAGE_INPUT", { path }, cause);
  });
  if (found.isDirectory()) return "folder";
  if (!found.isFile() && !found.isBlockDevice())
    throw new AgentError("IMAGE_INPUT", { path, reason: "not a file or folder" });
  const start = await startOf(path);
  if (programFor(start) !== undefined || start.toString("latin1", 257, 262) === "ustar") return "tar";
  return "image";
}

/**
 * The contents of a folder or tar archive, in the archive's order or sorted by name. A folder is read by GNU tar, so
 * `fakeroot` works.
 */
export async function* readTree(path: string, kind: "folder" | "tar", options: TreeOptions): AsyncGenerator<TreeEntry> {
  const { owner, latest } = options;
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  // An archive says who owns its files, so only a request changes it.
  const isOwn = (id: number, own: number): boolean =>
    owner === "root" || (owner === "auto" && kind === "folder" && id === own);
  for await (const entry of readTar(await bytesOf(path, kind), path)) {
    yield {
      ...entry,
      uid: isOwn(entry.uid, uid) ? 0 : entry.uid,
      gid: isOwn(entry.gid, gid) ? 0 : entry.gid,
      mtime: latest === undefined ? entry.mtime : Math.min(entry.mtime, latest),
    };
  }
}

async function bytesOf(path: string, kind: "folder" | "tar"): Promise<AsyncIterable<Uint8Array>> {
  if (kind === "folder") {
    const attributes = ["--xattrs", "--xattrs-include=security.capability"];
    return output(
      ["tar", "--sort=name", "--numeric-owner", "--format=pax", ...attributes, "-C", path, "-cf", "-", "."],
      "tar",
      path,
    );
  }
  const program = programFor(await startOf(path));
  if (program === undefined) return createReadStream(path, { highWaterMark: CHUNK_BYTES });
  return output(program.argv, program.package, path, await open(path, "r"));
}

async function startOf(path: string): Promise<Buffer> {
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(512), 0, 512, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

const programFor = (start: Buffer) => PROGRAMS.find(({ magic }) => start.toString("hex").startsWith(magic));

/** The output of a program that reads `path`. If the reader stops early, the program is ended. */
async function* output(
  argv: readonly [string, ...string[]],
  debianPackage: string,
  path: string,
  stdin?: FileHandle,
): AsyncGenerator<Uint8Array> {
  const [program, ...args] = argv;
  const env = { ...process.env, LC_ALL: "C" };
  const child = spawn(program, args, { env, stdio: [stdin?.fd ?? "ignore", "pipe", "pipe"] }) as ReadingChild;
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = `${said}${text}`.slice(-1000);
  });
  const ended = endOf(child);
  try {
    yield* child.stdout;
    const status = await ended;
    if (status instanceof Error) throw toolMissing(program, debianPackage, status);
    if (status !== 0) throw new AgentError("IMAGE_INPUT", { path }, new Error(`${program}: ${said.trim()}`));
  } finally {
    child.kill();
    await ended;
    await stdin?.close();
  }
}

type ReadingChild = ChildProcessByStdio<null, Readable, Readable>;

/** The exit status, or the reason why the program did not start. */
const endOf = (child: ChildProcess): Promise<number | string | Error> =>
  new Promise((resolve) => {
    child.on("error", resolve);
    child.on("close", (code, signal) => resolve(code ?? signal ?? ""));
  });
