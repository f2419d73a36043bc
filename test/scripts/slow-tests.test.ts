import { basename } from "node:path";
import { expect, test } from "vitest";
import { filesBelow } from "../../scripts/lib/files.ts";
import { SLOW } from "../../scripts/lib/slow-tests.ts";

test("each file that starts early because it is slow exists, and is listed once", async () => {
  const names = new Set((await filesBelow("test", ".test.ts")).map((path) => basename(path, ".test.ts")));
  expect(SLOW.filter((name) => !names.has(name))).toEqual([]);
  expect(SLOW).toEqual([...new Set(SLOW)]);
});
