import { execFileSync } from "node:child_process";
import { pack } from "tar-stream";
import { expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../src/artifact/limits.ts";
import { TarScanner } from "../../src/artifact/tar/scanner.ts";
import { entryOf, tarHeader, tarOf, tarPadding } from "../../src/artifact/tar-writer.ts";
import { inPieces } from "./read-all.ts";

test("a header is one ustar block without a trace of the build machine, and passes as ustar elsewhere", () => {
  const header = Buffer.from(tarHeader({ name: "data/0000.tar.gz", mode: 0o600, sizeBytes: 513 }));
  expect(header).toHaveLength(512);
  expect(header.toString("latin1", 0, 100).replace(/\0+$/, "")).toBe("data/0000.tar.gz");
  expect(header.toString("latin1", 100, 148).replaceAll("\0", " ")).toBe(
    "000600  000000  000000  00000001001 00000000000 ",
  );
  expect(header.toString("latin1", 156, 157)).toBe("0");
  expect(header.toString("latin1", 257, 265)).toBe("ustar\u000000");
  expect(header.subarray(265, 329).every((byte) => byte === 0)).toBe(true);
});

test("a size over 8 GiB is stored base-256 in the same one block", () => {
  const header = Buffer.from(tarHeader({ name: "big", mode: 0o600, sizeBytes: 20 * 1024 ** 3 }));
  expect(header).toHaveLength(512);
  expect(header.subarray(124, 136).toString("hex")).toBe("800000000000000500000000");
});

test("a header has the same bytes as one of tar-stream", async () => {
  for (const name of ["version", "data/0000.tar.gz", "b".repeat(100)]) {
    for (const sizeBytes of [1, 512, 2 ** 33 - 1, 2 ** 33, 2 ** 45 + 12_345]) {
      for (const mode of [0o600, 0o755]) {
        expect(Buffer.from(tarHeader({ name, mode, sizeBytes }))).toEqual(await theirHeader(name, mode, sizeBytes));
      }
    }
  }
});

async function theirHeader(name: string, mode: number, size: number): Promise<Buffer> {
  const packer = pack();
  packer.entry({ name, mode, size, mtime: new Date(0), uname: "", gname: "" }).on("error", () => undefined);
  for await (const block of packer) if (block instanceof Uint8Array) return Buffer.from(block);
  throw new Error("there is no header");
}

for (const [what, name] of [
  ["is longer than a header block can hold", `scripts/${"a".repeat(150)}`],
  ["is not ASCII", "scripts/ArtifactInstall_Enter_00_prüfen"],
  ["has a character of two bytes at the end of the block's field", `${"a".repeat(99)}ü`],
  ["makes the length of its PAX record one digit longer", "ü".repeat(45)],
] as const) {
  test(`tar and our scanner find a member whose name ${what}`, async () => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of tarOf([entryOf(name, 0o755, Buffer.from("content"))]))
      chunks.push(Uint8Array.from(chunk));
    const input = Buffer.concat(chunks);
    expect(execFileSync("tar", ["--quoting-style=literal", "-tf", "-"], { input, encoding: "utf8" })).toBe(`${name}\n`);
    expect(execFileSync("tar", ["-xOf", "-"], { input, encoding: "utf8" })).toBe("content");
    const scanner = new TarScanner(inPieces(input, 100), "test", DEFAULT_LIMITS);
    expect(await scanner.next()).toMatchObject({ name, sizeBytes: 7 });
  });
}

test("padding fills the last block, and is empty if the block is full", () => {
  expect([0, 1, 511, 512, 513].map((size) => tarPadding(size).length)).toEqual([0, 511, 1, 0, 511]);
});

test("tar finds what was written, empty files too", async () => {
  const chunks: Uint8Array[] = [];
  const entries = [entryOf("empty", 0o644, new Uint8Array(0)), entryOf("b", 0o755, Buffer.from("content"))];
  for await (const chunk of tarOf(entries)) chunks.push(chunk);
  const input = Buffer.concat(chunks);
  const listed = execFileSync("tar", ["--numeric-owner", "--utc", "-tvf", "-"], { input, encoding: "utf8" });
  expect(
    listed
      .trim()
      .split("\n")
      .map((line) => line.replace(/ +/g, " ")),
  ).toEqual(["-rw-r--r-- 0/0 0 1970-01-01 00:00 empty", "-rwxr-xr-x 0/0 7 1970-01-01 00:00 b"]);
  expect(execFileSync("tar", ["-xOf", "-", "b"], { input, encoding: "utf8" })).toBe("content");
  expect(input).toHaveLength(512 + 1024 + 1024);
});
