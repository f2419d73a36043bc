import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, readdir, readlink, writeFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { expect, test } from "vitest";
import { CONTEXT, never, payloadOf, withModule } from "./module-rig.ts";

const RUNS = 50;
const FILES = [
  { name: "a", content: randomBytes(500_000) },
  { name: "b", content: "b" },
];
const FIRST = 'line="$(cat stream-next)"';

/** Ways to end without reading: before the first name, before a stream, within a stream, and between two streams. */
const EARLY = [
  "exit 1",
  `${FIRST}; exit 1`,
  `${FIRST}; head -c 1 "$line"; exit 1`,
  `${FIRST}; cat "$line" > /dev/null; exit 1`,
];

test(`${RUNS} modules in a row that end early leave no thread, no descriptor and no FIFO behind`, async () => {
  const cases = EARLY.map((commands, way) => `${way}) ${commands} ;;`).join(" ");
  await withModule(`Download) way="$(cat ../way)"; case "$way" in ${cases} esac ;;`, async (rig) => {
    const run = async (way: number): Promise<void> => {
      await rig.handler.prepare?.(CONTEXT, never);
      await writeFile(`${rig.tree}/../way`, String(way));
      const download = rig.handler.download(payloadOf(FILES), never);
      await expect(download).rejects.toMatchObject({ code: "MODULE_FAILED", detail: { exitCode: 1 } });
    };
    for (const way of EARLY.keys()) await run(way);
    const before = await held();
    for (let at = 0; at < RUNS; at++) await run(at % EARLY.length);
    expect(await held()).toEqual(before);
    // If a thread of the pool waited in `open` forever, this number of calls at once would not return.
    await Promise.all(Array.from({ length: 16 }, () => readdir(rig.folder)));
    expect(await readdir(rig.tree)).not.toContain("stream-next");
  });
});

test.each([
  ["the next name", "stream-next", "Cleanup"],
  ["a stream", "streams/a", "Cleanup"],
  ["the next name", "stream-next", "the next download"],
  ["a stream", "streams/a", "the next download"],
])("a module that outlived its agent and waits for %s (%s) is woken by %s", async (_, fifo, by) => {
  await withModule("", async (rig) => {
    await rig.handler.prepare?.(CONTEXT, never);
    await mkdir(rig.inTree("streams"));
    const orphan = spawn("sh", ["-c", 'mkfifo "$1" && echo ready && cat "$1"', "sh", fifo], { cwd: rig.tree });
    const exit = once(orphan, "exit");
    await once(orphan.stdout, "data");
    // The program prints this just before it waits.
    await setTimeout(200);
    if (by === "Cleanup") await rig.handler.act("Cleanup", never);
    else await rig.handler.prepare?.(CONTEXT, never);
    expect(await exit).toEqual([0, null]);
  });
});

/** Threads of this process, and its descriptors that are FIFOs. */
async function held(): Promise<{ readonly threads: number; readonly fifos: number }> {
  const threads = (await readdir("/proc/self/task")).length;
  const links = (await readdir("/proc/self/fd")).map((fd) =>
    readlink(`/proc/self/fd/${fd}`).catch(() => {
      // ignored: the descriptor of the listing itself is closed by now.
      return "";
    }),
  );
  return { threads, fifos: (await Promise.all(links)).filter((link) => link.includes("/stream")).length };
}
