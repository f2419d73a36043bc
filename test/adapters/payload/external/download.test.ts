import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { expect, test } from "vitest";
import { AgentError } from "../../../../src/errors/agent-error.ts";
import { payloadOf, TAKE_ALL, withModule } from "./module-rig.ts";

const BIG = randomBytes(3_000_017);
const TWO = [
  { name: "first.bin", content: BIG },
  { name: "empty", content: "" },
  { name: "last.txt", content: "the end\n" },
];

test("a module that reads the streams gets each file by its name, in order and byte for byte", async () => {
  await withModule(`Download) ${TAKE_ALL} ;;`, async (rig) => {
    await rig.download(payloadOf(TWO));
    expect(await readFile(rig.inTree("tmp/names"), "utf8")).toBe(
      "streams/first.bin\nstreams/empty\nstreams/last.txt\n",
    );
    for (const { name, content } of TWO) {
      expect((await readFile(rig.inTree("tmp", name))).equals(Buffer.from(content))).toBe(true);
    }
    expect(await rig.calls()).toEqual(["ProvidePayloadFileSizes", "Download"]);
  });
});

test("a module that wants sizes is called by another name and gets them", async () => {
  await withModule(`ProvidePayloadFileSizes) echo Yes ;;\nDownloadWithFileSizes) ${TAKE_ALL} ;;`, async (rig) => {
    await rig.download(payloadOf(TWO));
    expect(await readFile(rig.inTree("tmp/names"), "utf8")).toBe(
      "streams/first.bin 3000017\nstreams/empty 0\nstreams/last.txt 8\n",
    );
    expect(await rig.calls()).toEqual(["ProvidePayloadFileSizes", "DownloadWithFileSizes"]);
  });
});

test("no FIFO, no folder of streams and no files/ is left when the module has taken everything", async () => {
  await withModule(`Download) ${TAKE_ALL} ;;`, async (rig) => {
    await rig.download(payloadOf(TWO));
    for (const gone of ["stream-next", "streams", "files"]) expect(existsSync(rig.inTree(gone))).toBe(false);
  });
});

test("the FIFOs are private", async () => {
  const look = `stat -c '%F %a' stream-next streams > tmp/modes; line="$(cat stream-next)"; stat -c '%F %a' "$line" >> tmp/modes; cat "$line"; cat stream-next`;
  await withModule(`Download) ${look} ;;`, async (rig) => {
    await rig.download(payloadOf([{ name: "a", content: "x" }]));
    expect(await readFile(rig.inTree("tmp/modes"), "utf8")).toBe("fifo 600\ndirectory 700\nfifo 600\n");
  });
});

test("a module that declines finds the files stored, and no streams", async () => {
  await withModule("Download) true ;;", async (rig) => {
    await rig.download(payloadOf(TWO));
    expect((await readdir(rig.inTree("files"))).sort()).toEqual(["empty", "first.bin", "last.txt"]);
    for (const { name, content } of TWO) {
      expect((await readFile(rig.inTree("files", name))).equals(Buffer.from(content))).toBe(true);
      expect((await stat(rig.inTree("files", name))).mode & 0o7777).toBe(0o600);
    }
    expect((await stat(rig.inTree("files"))).mode & 0o7777).toBe(0o700);
    for (const gone of ["stream-next", "streams"]) expect(existsSync(rig.inTree(gone))).toBe(false);
  });
});

test("a payload without files is at its end at once", async () => {
  await withModule(`Download) ${TAKE_ALL}; echo "none: $(ls streams | wc -l)" > tmp/seen ;;`, async (rig) => {
    await rig.download(payloadOf([]));
    expect(await readFile(rig.inTree("tmp/seen"), "utf8")).toBe("none: 0\n");
  });
});

test("a module that reads by the announced size gets all bytes", async () => {
  const bySize = `line="$(cat stream-next)"; head -c "\${line##* }" "\${line%% *}" > tmp/out; cat stream-next`;
  await withModule(`ProvidePayloadFileSizes) echo Yes ;;\nDownloadWithFileSizes) ${bySize} ;;`, async (rig) => {
    await rig.download(payloadOf([{ name: "a", content: BIG }]));
    expect((await stat(rig.inTree("tmp/out"))).size).toBe(BIG.length);
  });
});

const FIRST = 'line="$(cat stream-next)"';
const FILES = [
  { name: "a", content: BIG },
  { name: "b", content: "bb" },
];

/** Each kind of misbehaviour in Download, and what it ends in. */
const WRONG: readonly (readonly [string, string, object])[] = [
  ["fails before it reads anything", "exit 7", { code: "MODULE_FAILED", detail: { call: "Download", exitCode: 7 } }],
  ["is killed", "kill -9 $$", { code: "MODULE_FAILED", detail: { ended: "by a signal" } }],
  ["fails after the first name", `${FIRST}; exit 3`, { code: "MODULE_FAILED", detail: { exitCode: 3 } }],
  ["ends well after the first name", `${FIRST}; exit 0`, { code: "MODULE_UNFINISHED" }],
  ["fails within a stream", `${FIRST}; head -c 10 "$line"; exit 4`, { code: "MODULE_FAILED", detail: { exitCode: 4 } }],
  ["ends well within a stream", `${FIRST}; head -c 10 "$line"; exit 0`, { code: "MODULE_UNFINISHED" }],
  ["ends well after the first file", `${FIRST}; cat "$line" >tmp/a; exit 0`, { code: "MODULE_UNFINISHED" }],
  [
    "does not read the end of the list",
    `${FIRST}; cat "$line"; ${FIRST}; cat "$line"; exit 0`,
    { code: "MODULE_UNFINISHED" },
  ],
  ["drops a stream and goes on", `${FIRST}; head -c 1 "$line"; ${TAKE_ALL}`, { code: "MODULE_UNFINISHED" }],
  ["fails after everything", `${TAKE_ALL}; exit 9`, { code: "MODULE_FAILED", detail: { exitCode: 9 } }],
  ["fails although it declines", "sleep 0.1; exit 1", { code: "MODULE_FAILED", detail: { exitCode: 1 } }],
  ["puts a file in the FIFO's place", "rm stream-next; echo x > stream-next; sleep 5", { code: "MODULE_STREAM" }],
  ["puts a link in the FIFO's place", "rm stream-next; ln -s tmp/x stream-next; sleep 5", { code: "MODULE_STREAM" }],
  ["puts a folder in the FIFO's place", "rm stream-next; mkdir stream-next; sleep 5", { code: "MODULE_STREAM" }],
];

test.each(WRONG)("a module that %s fails the download", async (_, commands, expected) => {
  await withModule(`Download) ${commands} ;;`, async (rig) => {
    await expect(rig.download(payloadOf(FILES))).rejects.toMatchObject(expected);
    for (const gone of ["stream-next", "streams", "files"]) expect(existsSync(rig.inTree(gone))).toBe(false);
  });
});

test("a module that ends while the payload's end is still being checked has not finished", async () => {
  await withModule("Download) exec 3< stream-next; exit 0 ;;", async (rig) => {
    const slow = { next: () => setTimeout(500, undefined) };
    await expect(rig.download(slow)).rejects.toMatchObject({ code: "MODULE_UNFINISHED" });
  });
});

test("a module that removes the FIFO and ends well has declined", async () => {
  await withModule("Download) rm stream-next ;;", async (rig) => {
    await rig.download(payloadOf(FILES));
    expect((await stat(rig.inTree("files/a"))).size).toBe(BIG.length);
  });
});

const CHECKSUM = new AgentError("ARTIFACT_CHECKSUM", { file: "a" });

test.each([
  [
    "in the middle of a file",
    payloadOf([
      { name: "a", content: BIG, failure: CHECKSUM },
      { name: "b", content: "b" },
    ]),
  ],
  ["in an empty file", payloadOf([{ name: "a", content: "", failure: CHECKSUM }])],
  ["between two files", payloadOf([{ name: "a", content: BIG }], CHECKSUM)],
  ["before the first file", payloadOf([], CHECKSUM)],
])("a payload that breaks off %s fails the download, and the module finds the end", async (_, payload) => {
  await withModule(`Download) ${TAKE_ALL}; touch "$2/tmp/ended" ;;`, async (rig) => {
    await expect(rig.download(payload)).rejects.toBe(CHECKSUM);
    expect(existsSync(rig.inTree("tmp/ended"))).toBe(true);
  });
});

test("a payload that breaks off fails the download of a module that has declined, too", async () => {
  await withModule("Download) true ;;", async (rig) => {
    const payload = payloadOf([{ name: "a", content: BIG, failure: CHECKSUM }]);
    await expect(rig.download(payload)).rejects.toBe(CHECKSUM);
  });
});

test("a module that runs forever after a broken payload is ended", async () => {
  await withModule(
    `Download) ${FIRST}; cat "$line"; echo $$ > tmp/pid; trap '' TERM; while :; do sleep 1; done ;;`,
    async (rig) => {
      await expect(rig.download(payloadOf([{ name: "a", content: "x", failure: CHECKSUM }]))).rejects.toBe(CHECKSUM);
      const pid = Number(await readFile(rig.inTree("tmp/pid"), "utf8"));
      expect(() => process.kill(pid, 0)).toThrow("ESRCH");
    },
  );
});

test.each([
  ["never reads", "sleep 300"],
  ["does not open its stream", `${FIRST}; sleep 300`],
  ["stops within a stream, which it keeps open", `${FIRST}; exec 3< "$line"; head -c 1 <&3; sleep 300`],
  ["keeps the FIFO of names open", "exec 3<> stream-next; read -r line <&3; sleep 300"],
  ["has read everything, and stays", `${TAKE_ALL}; sleep 300`],
])("a module that %s is ended by the time limit, and nothing waits for it", async (_, commands) => {
  await withModule(
    `Download) ${commands} ;;`,
    async (rig) => {
      const download = rig.download(payloadOf(FILES));
      await expect(download).rejects.toMatchObject({ code: "MODULE_FAILED", cause: { code: "PROCESS_TIMEOUT" } });
    },
    { timeoutMs: 400 },
  );
});

test("an abort ends the module and gives the signal's own reason", async () => {
  await withModule(`Download) ${FIRST}; sleep 300 ;;`, async (rig) => {
    const controller = new AbortController();
    const reason = new AgentError("CANCELLED");
    const aborted = setTimeout(200).then(() => controller.abort(reason));
    await expect(rig.download(payloadOf(FILES), controller.signal)).rejects.toBe(reason);
    await aborted;
  });
});

test("an abort that interrupts the payload is distinguished from a broken payload", async () => {
  await withModule(`Download) ${TAKE_ALL} ;;`, async (rig) => {
    const controller = new AbortController();
    const reason = new AgentError("CANCELLED");
    const next = async (): Promise<never> => {
      controller.abort(reason);
      throw CHECKSUM;
    };
    await expect(rig.download({ next }, controller.signal)).rejects.toBe(reason);
  });
});

test("a module that leaves a child with the stream and its output in hand does not hold the download up", async () => {
  const commands = `${FIRST}; (exec 3< "$line"; echo $$ > tmp/x; sleep 300) & echo $! > "$2/tmp/child"; sleep 0.3; exit 0`;
  await withModule(`Download) ${commands} ;;`, async (rig) => {
    await expect(rig.download(payloadOf(FILES))).rejects.toMatchObject({ code: "MODULE_UNFINISHED" });
    process.kill(Number(await readFile(rig.inTree("tmp/child"), "utf8")), "SIGKILL");
  });
});
