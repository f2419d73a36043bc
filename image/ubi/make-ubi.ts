import { spawn } from "node:child_process";
import { mkdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { ImageBoard } from "../board/schema.ts";
import { type Contents, contentEntries, dataEntries, rootfsEntries } from "../contents.ts";
import { environmentOf } from "../fill-partition.ts";
import { shortIdFrom, uuidFrom } from "../identifiers.ts";
import type { MadeImage } from "../made-image.ts";
import { run, toolMissing } from "../run.ts";
import { pathFrom, sourceEntries } from "../source-files.ts";
import type { TreeEntry } from "../tree/entry.ts";
import { kindOf } from "../tree/read-tree.ts";
import { writeTar } from "../tree/write-tar.ts";
import { lebBytes } from "./geometry.ts";
import { makeStable } from "./stable-ubifs.ts";

type Ubi = NonNullable<ImageBoard["ubi"]>;
type Volume = Ubi["volumes"][number];

/** How many times as large as its volume a filesystem may become that grows at the first start. */
const GROWTH = 16;

/** Creates an image of UBI volumes, as `ubiformat --flash-image` takes it. */
export async function makeUbi(contents: Contents, work: string, signal: AbortSignal | undefined): Promise<MadeImage> {
  const { board } = contents;
  const { ubi } = board;
  if (ubi === undefined) throw new Error(`${board.file} describes no UBI volumes`);
  const sections: string[] = [];
  for (const [id, volume] of ubi.volumes.entries()) {
    signal?.throwIfAborted();
    const path = join(work, `volume${id}`);
    const image = await makeVolume(contents, ubi, volume, path);
    const grows = volume.role === "data" && board.firstBoot?.growData === true;
    sections.push(
      `[${volume.role}${id}]`,
      "mode=ubi",
      ...(image === undefined ? [] : [`image=${image}`]),
      `vol_id=${id}`,
      `vol_type=${volume.type ?? "dynamic"}`,
      `vol_name=${volume.name}`,
      `vol_size=${volume.size}`,
      ...(grows ? ["vol_flags=autoresize"] : []),
    );
  }
  const [config, output] = [join(work, "ubinize.cfg"), join(work, "ubi")];
  await writeFile(config, `${sections.join("\n")}\n`);
  const { eraseBlock, page, subPage } = ubi;
  const shape = [
    "-p",
    String(eraseBlock),
    "-m",
    String(page),
    ...(subPage === undefined ? [] : ["-s", String(subPage)]),
  ];
  // The option takes a decimal number.
  const sequence = String(Number.parseInt(shortIdFrom(board.name, "ubi"), 16) % 2 ** 31);
  await run(["ubinize", ...shape, "-Q", sequence, "-o", output, config]);
  const a = ubi.volumes.findIndex(({ role }) => role === "rootfsA");
  return { image: output, sizeBytes: (await stat(output)).size, rootfs: join(work, `volume${a}`) };
}

/** @returns the path of the volume's content, or undefined if the volume is empty */
async function makeVolume(contents: Contents, ubi: Ubi, volume: Volume, path: string): Promise<string | undefined> {
  const { board, rootfs, fill, time } = contents;
  const { role, content, files = [], filesystem, size, name } = volume;
  if (role === "environment") {
    if (board.bootloader.kind !== "u-boot") return undefined;
    const copies = ubi.volumes.filter((other) => other.role === "environment").length;
    await writeFile(path, environmentOf(board, copies > 1));
    return path;
  }
  const given = role === "rootfsA" ? rootfs : content === undefined ? undefined : pathFrom(board.folder, content);
  if (given !== undefined && (await kindOf(given)) === "image") {
    if (role === "rootfsA") rootfsEntries(contents);
    const needs = (await stat(given)).size;
    if (needs > size) throw new AgentError("IMAGE_SPACE", { place: name, needs, has: size });
    await run(["cp", "--", given, path]);
    return path;
  }
  if (role === "rootfsB" || filesystem === "none" || (role === "extra" && given === undefined)) return undefined;
  async function* entries(): AsyncGenerator<TreeEntry> {
    if (role === "rootfsA") yield* rootfsEntries(contents) ?? [];
    else yield* role === "data" ? dataEntries(contents, content) : contentEntries(contents, content);
    yield* sourceEntries({ files, folder: board.folder, fill, time });
  }
  await makeUbifs(entries(), ubi, volume, path, contents);
  return path;
}

/** mkfs.ubifs takes a folder, so the entries are unpacked first. Without root, `fakeroot` keeps their owners. */
async function makeUbifs(
  entries: AsyncIterable<TreeEntry>,
  ubi: Ubi,
  volume: Volume,
  path: string,
  { board, time }: Contents,
) {
  const leb = lebBytes(ubi);
  const blocks = Math.floor(volume.size / leb);
  const grows = volume.role === "data" && board.firstBoot?.growData === true;
  const tree = `${path}.tree`;
  await mkdir(tree);
  const most = String(blocks * (grows ? GROWTH : 1));
  const make = `tar -x -p --delay-directory-restore --xattrs --xattrs-include='*' --numeric-owner -C "$0" -f - && mkfs.ubifs -r "$0" "$@"`;
  const shape = ["-m", String(ubi.page), "-e", String(leb), "-c", most, "-o", path];
  const script = ["sh", "-c", make, tree, ...shape];
  await pipedInto(process.getuid?.() === 0 ? script : ["fakeroot", "--", ...script], writeTar(entries, time));
  await rm(tree, { recursive: true });
  const needs = (await stat(path)).size;
  if (needs > volume.size) throw new AgentError("IMAGE_SPACE", { place: volume.name, needs, has: volume.size });
  await makeStable(path, leb, uuidFrom(board.name, "volume", volume.name));
}

async function pipedInto([program = "", ...args]: readonly string[], chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const env = { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin:/sbin`, LC_ALL: "C" };
  const child = spawn(program, args, { env, stdio: ["pipe", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = `${said}${text}`.slice(-1000);
  });
  const ended = new Promise<number | string | Error>((resolve) => {
    child.on("error", resolve);
    child.on("close", (code, name) => resolve(code ?? name ?? ""));
  });
  let failure: unknown;
  await pipeline(Readable.from(chunks, { objectMode: false }), child.stdin).catch((error: unknown) => {
    failure = error;
    child.kill();
  });
  const status = await ended;
  if (failure instanceof AgentError) throw failure;
  if (status instanceof Error) throw toolMissing(program, "fakeroot", status);
  if (/mkfs\.ubifs: not found/.test(said))
    throw new AgentError("IMAGE_TOOL_MISSING", { program: "mkfs.ubifs", package: "mtd-utils" });
  if (status !== 0) throw new AgentError("IMAGE_TOOL_FAILED", { program: "mkfs.ubifs" }, new Error(said.trim()));
}
