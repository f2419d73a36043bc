/**
 * Reads the payload of an Artifact and hashes it, with our own scanner or with tar-stream. `npm run bench` starts one
 * process per measurement, so that each has its own peak memory.
 *
 *   node scripts/run.mjs read-payload own|tar-stream FILE none|gzip
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { extract } from "tar-stream";
import { openArtifact } from "../src/artifact/reader.ts";
import { openFileSource } from "../src/util/file-source.ts";

const READ_BYTES = 1024 * 1024;

const [way = "", file = "", compression = ""] = process.argv.slice(2);
const start = process.hrtime.bigint();
const bytes = way === "own" ? await readOwn() : await readWithTarStream();
const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
process.stdout.write(
  JSON.stringify({
    bytes,
    wall: Number(process.hrtime.bigint() - start) / 1e9,
    cpu: (userCPUTime + systemCPUTime) / 1e6,
    peakMib: maxRSS / 1024,
  }),
);

async function readOwn(): Promise<number> {
  const reader = await openArtifact(await openFileSource(file, new AbortController().signal));
  const into = Buffer.alloc(READ_BYTES);
  let total = 0;
  for (let payload = await reader.nextPayload(); payload !== undefined; payload = await reader.nextPayload()) {
    for (let part = await payload.next(); part !== undefined; part = await payload.next()) {
      for (let count = await part.read(into); count > 0; count = await part.read(into)) total += count;
    }
  }
  await reader.finish();
  await reader.close();
  return total;
}

async function readWithTarStream(): Promise<number> {
  const outer = extract();
  const feeding = pipeline(createReadStream(file, { highWaterMark: READ_BYTES }), outer);
  let total = 0;
  for await (const member of outer) {
    if (!member.header.name.startsWith("data/")) {
      member.resume();
      continue;
    }
    const inner = extract();
    const unpacking =
      compression === "gzip"
        ? pipeline(member, createGunzip({ chunkSize: READ_BYTES }), inner)
        : pipeline(member, inner);
    for await (const entry of inner) {
      const hash = createHash("sha256");
      for await (const chunk of entry as AsyncIterable<Buffer>) {
        hash.update(chunk);
        total += chunk.length;
      }
      hash.digest();
    }
    await unpacking;
  }
  await feeding;
  return total;
}
