import { randomBytes } from "node:crypto";
import { Writable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Objects } from "../../../server/ports/objects.ts";

export interface ObjectsRig {
  readonly objects: Objects;
  /** All that the store keeps, whole or not. */
  everything(): Promise<readonly string[]>;
  close(): Promise<void>;
}

async function* chunks(...parts: readonly (string | Error)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    if (part instanceof Error) throw part;
    yield Buffer.from(part);
  }
}

/** What every object store promises. */
export function objectsContract(makeRig: () => Promise<ObjectsRig>): void {
  let rig: ObjectsRig;
  beforeAll(async () => {
    rig = await makeRig();
  });
  afterAll(() => rig.close());
  const text = async (key: string, range?: { start: number; end: number }): Promise<string | undefined> => {
    const found = await rig.objects.get(key, range);
    return found && (await buffer(found)).toString();
  };

  test("gives back what it was given, whole and in part, and knows its size", async () => {
    await rig.objects.put("tenant/one", chunks("hello ", "", "world"));
    expect(await rig.objects.size("tenant/one")).toBe(11);
    expect(await text("tenant/one")).toBe("hello world");
    expect(await text("tenant/one", { start: 4, end: 7 })).toBe("o wo");
    expect(await text("tenant/one", { start: 10, end: 10 })).toBe("d");
  });

  test("sends a large object, whole and in part, to whoever takes a chunk at a time", async () => {
    const bytes = randomBytes(3 * 1024 * 1024 + 7);
    await rig.objects.put("tenant/sent", chunks(bytes.toString("latin1")));
    const stored = Buffer.from(bytes.toString("latin1"));
    for (const range of [
      { start: 0, end: stored.length - 1 },
      { start: 1_000_001, end: 2_500_002 },
    ]) {
      const received: Buffer[] = [];
      const slow = new Writable({
        write(chunk: Buffer, _encoding, done) {
          // What it still has when it says that it is done is what it got.
          setImmediate(() => {
            received.push(Buffer.from(chunk));
            done();
          });
        },
      });
      const found = await rig.objects.getToSend("tenant/sent", range);
      await pipeline(found ?? [], slow);
      expect(Buffer.concat(received).equals(stored.subarray(range.start, range.end + 1))).toBe(true);
    }
    expect(await rig.objects.getToSend("tenant/none", { start: 0, end: 1 })).toBeUndefined();
  });

  test("keeps an object without bytes", async () => {
    await rig.objects.put("tenant/empty", chunks());
    expect([await rig.objects.size("tenant/empty"), await text("tenant/empty")]).toEqual([0, ""]);
  });

  test("replaces an object, and a reader that has begun reads the old one", async () => {
    await rig.objects.put("tenant/two", chunks("old"));
    const reader = await rig.objects.get("tenant/two");
    await rig.objects.put("tenant/two", chunks("new and longer"));
    expect([reader && (await buffer(reader)).toString(), await text("tenant/two")]).toEqual(["old", "new and longer"]);
  });

  test("leaves nothing of an object whose bytes end in an error, and keeps the object before it", async () => {
    await rig.objects.put("tenant/three", chunks("kept"));
    const before = await rig.everything();
    const cut = rig.objects.put("tenant/three", chunks("a part", new Error("the line was cut")));
    await expect(cut).rejects.toThrow("the line was cut");
    await expect(rig.objects.put("tenant/four", chunks(new Error("none came")))).rejects.toThrow("none came");
    expect(await rig.everything()).toEqual(before);
    expect([await text("tenant/three"), await text("tenant/four")]).toEqual(["kept", undefined]);
  });

  test("shows no object before all its bytes have come", async () => {
    let seen: unknown = "never asked";
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("first");
      seen = await rig.objects.get("tenant/five");
      yield Buffer.from("second");
    }
    await rig.objects.put("tenant/five", slow());
    expect([seen, await text("tenant/five")]).toEqual([undefined, "firstsecond"]);
  });

  test("deletes an object, and an object that is not there", async () => {
    await rig.objects.put("tenant/six", chunks("bytes"));
    await rig.objects.delete("tenant/six");
    await rig.objects.delete("tenant/six");
    await rig.objects.delete("nobody/seven");
    expect([await rig.objects.size("tenant/six"), await rig.objects.get("tenant/six")]).toEqual([undefined, undefined]);
  });

  for (const key of ["", "../outside", "/etc/passwd", "a//b", "a/../b", ".incoming/x", "a\0b"])
    test(`refuses the key ${JSON.stringify(key)}`, async () => {
      await expect(rig.objects.put(key, chunks("bytes"))).rejects.toThrow("not a key");
      await expect(rig.objects.get(key)).rejects.toThrow("not a key");
    });
}
