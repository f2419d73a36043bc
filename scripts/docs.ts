import { writeFile } from "node:fs/promises";
import { generatedPages } from "./docs/generated.ts";
import { say } from "./lib/run.ts";

for (const { path, rows, text } of await generatedPages()) {
  await writeFile(path, text);
  say(`${path}: ${rows} rows`);
}
