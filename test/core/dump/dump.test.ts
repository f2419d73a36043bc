import { beforeEach, expect, test } from "vitest";
import { type DumpParts, dump, STALL_MS } from "../../../src/core/dump/dump.ts";
import { AgentError } from "../../../src/errors/agent-error.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

const CHUNKS = [Buffer.from("first "), Buffer.from("second "), Buffer.from("third")];
const code = (wanted: string): unknown => expect.objectContaining({ code: wanted });

let said: string[];
let lost: AbortController;
let clock: ReturnType<typeof createVirtualClock>;
let stop: AbortController;
beforeEach(() => {
  said = [];
  lost = new AbortController();
  clock = createVirtualClock();
  stop = new AbortController();
});

function copy(change: Partial<DumpParts> = {}): Promise<void> {
  const parts: DumpParts = {
    folder: "/",
    clock,
    freezer: {
      async freeze(folder) {
        said.push(`freeze ${folder}`);
        return { lost: lost.signal, thaw: async () => void said.push("thaw") };
      },
    },
    async *chunks(signal) {
      for (const chunk of CHUNKS) {
        signal.throwIfAborted();
        yield chunk;
      }
    },
    write: async (chunk) => void said.push(chunk.toString()),
    ...change,
  };
  return dump(parts, stop.signal);
}

test("a filesystem is frozen before its first byte is read, and thawed after its last was taken", async () => {
  await copy();
  expect(said).toEqual(["freeze /", "first ", "second ", "third", "thaw"]);
});

test("a read-only filesystem is not frozen", async () => {
  await copy({ folder: undefined });
  expect(said).toEqual(["first ", "second ", "third"]);
});

test("if the reader takes nothing for a minute, the copy ends and the filesystem is thawed", async () => {
  const stuck = new Promise<void>(() => undefined);
  const ended = expect(copy({ write: () => stuck })).rejects.toEqual(code("DUMP_STALLED"));
  await clock.pass(STALL_MS - 1);
  expect(said).toEqual(["freeze /"]);
  await clock.pass(1);
  await ended;
  expect(said).toEqual(["freeze /", "thaw"]);
});

test("a reader who is slow, and takes something each minute, gets all of it", async () => {
  const copied = copy({
    async write(chunk) {
      await clock.sleep(STALL_MS - 1, stop.signal);
      said.push(chunk.toString());
    },
  });
  for (const _ of CHUNKS) await clock.pass(STALL_MS - 1);
  await copied;
  expect(said).toEqual(["freeze /", "first ", "second ", "third", "thaw"]);
});

test.each<readonly [string, () => void, unknown]>([
  ["a signal", () => stop.abort("stopped"), "stopped"],
  ["a filesystem that was thawed", () => lost.abort(new AgentError("FREEZE_LOST")), code("FREEZE_LOST")],
])("%s ends the copy, whatever the reader does", async (_what, happens, reason) => {
  const ended = expect(copy({ write: () => new Promise(() => undefined) })).rejects.toEqual(reason);
  await clock.pass(1);
  happens();
  await ended;
  expect(said).toEqual(["freeze /", "thaw"]);
});

test("a filesystem that was thawed during the last part of the copy is reported", async () => {
  const write = async (chunk: Uint8Array): Promise<void> => {
    if (chunk === CHUNKS[2]) lost.abort(new AgentError("FREEZE_LOST"));
  };
  await expect(copy({ write })).rejects.toEqual(code("FREEZE_LOST"));
});

test("a failure of either side ends the copy, and the filesystem is thawed", async () => {
  const broken = new AgentError("DUMP_BROKEN");
  await expect(copy({ write: () => Promise.reject(broken) })).rejects.toBe(broken);
  // biome-ignore lint/correctness/useYield: it fails before its first chunk.
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    throw broken;
  };
  await expect(copy({ chunks })).rejects.toBe(broken);
  expect(said).toEqual(["freeze /", "thaw", "freeze /", "thaw"]);
});
