import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fitsPage, stepsOf } from "./guide.ts";

for (const { what, shown, printed, fits } of [
  { what: "the same text", shown: "a\nb\n", printed: "a\nb\n", fits: true },
  { what: "another word", shown: "Slot A is up.\n", printed: "Slot B is up.\n", fits: false },
  { what: "a line more", shown: "a\n", printed: "a\nb\n", fits: false },
  { what: "a line less", shown: "a\nb\n", printed: "a\n", fits: false },
  { what: "signs with a meaning in patterns", shown: "(a|b).*\n", printed: "xx\n", fits: false },
  { what: "lines left out", shown: "a\n…\nd\n", printed: "a\nb\nc\nd\n", fits: true },
  { what: "lines left out before another end", shown: "a\n…\nd\n", printed: "a\nb\nc\n", fits: false },
  { what: "a part left out", shown: "id=…, ok\n", printed: "id=0f6e3c6f, ok\n", fits: true },
  { what: "another duration", shown: "in 25 ms: ok\n", printed: "in 3 ms: ok\n", fits: true },
  { what: "another size of a download", shown: "(10 bytes)\n", printed: "(11 bytes)\n", fits: true },
])
  test(`a page that shows ${what} ${fits ? "fits" : "does not fit"} what the machine prints`, () => {
    expect(fitsPage(shown, printed)).toBe(fits);
  });

test("a page becomes files, commands with their output and exit status, and nothing else", async () => {
  const dir = await mkdtemp(join(tmpdir(), "switchback-guide-"));
  try {
    const page = join(dir, "page.md");
    const write = (...blocks: readonly string[]) =>
      writeFile(page, blocks.map((block) => `${block}\`\`\`\n`).join("x\n"));
    await write(
      "```json /etc/a.json\n{}\n",
      "```sh\na \\\n  b\nc\n",
      "```text\nout\n",
      "```json\n{}\n",
      "```sh exit=4\nd\n",
    );
    expect(await stepsOf(page)).toEqual([
      { kind: "file", path: "/etc/a.json", text: "{}\n" },
      { kind: "run", key: "a b", text: "a \\\n  b\nc\n", exit: 0, shown: "out\n" },
      { kind: "run", key: "d", text: "d\n", exit: 4 },
    ]);
    await write("```text\nout\n");
    await expect(stepsOf(page)).rejects.toThrow("output of no command");
  } finally {
    await rm(dir, { recursive: true });
  }
});
