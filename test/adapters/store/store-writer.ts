import { writeSync } from "node:fs";
import { createFileStore } from "../../../adapters/store/file-store.ts";

/** Counts in two keys at once, and prints the durable count on stdout, until it is killed. */
const store = createFileStore(process.argv[2] ?? "", () => process.exit(3));
const start = Number((await store.load()).get("first") ?? 0);
for (let count = start + 1; ; count++) {
  const value = String(count);
  await store.transact(
    new Map([
      ["first", value],
      ["padding", "x".repeat(20_000)],
      ["second", value],
    ]),
  );
  writeSync(1, `${value}\n`);
}
