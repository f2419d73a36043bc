import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { entryOf, tarHeader, tarOf, tarPadding } from "../../src/artifact/tar-writer.ts";

test("a header is one ustar block without a trace of the build machine, and passes as ustar elsewhere", async () => {
  const header = Buffer.from(await tarHeader({ name: "data/0000.tar.gz", mode: 0o600, sizeBytes: 513 }));
  expect(header).toHaveLength(512);
  expect(header.toString("latin1", 0, 100).replace(/\0+$/, "")).toBe("data/0000.tar.gz");
  expect(header.toString("latin1", 100, 148).replaceAll("\0", " ")).toBe(
    "000600  000000  000000  00000001001 00000000000 ",
  );
  expect(header.toString("latin1", 156, 157)).toBe("0");
  expect(header.toString("latin1", 257, 265)).toBe("ustar\u000000");
  expect(header.subarray(265, 329).every((byte) => byte === 0)).toBe(true);
});

test("a size over 8 GiB is stored base-256 in the same one block", async () => {
  const header = Buffer.from(await tarHeader({ name: "big", mode: 0o600, sizeBytes: 20 * 1024 ** 3 }));
  expect(header).toHaveLength(512);
  expect(header.subarray(124, 136).toString("hex")).toBe("800000000000000500000000");
});

test("padding fills up the last block, and is nothing where there is none to fill", () => {
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
