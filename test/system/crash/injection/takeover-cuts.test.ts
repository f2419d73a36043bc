import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readLmdb } from "../../../../adapters/takeover/lmdb-reader.ts";
import { Random } from "../../../../qemu/harness/random.ts";
import { thisHost } from "../../../../src/agent/host.ts";
import { run } from "../../../../src/cli/run.ts";
import { asText, COMMITTED, COMMITTED_VALUES, PENDING } from "../../../support/client-stores.ts";
import { RecordingIo } from "../../../support/recording-io.ts";
import { cutsOf } from "./cuts.ts";
import { Disk } from "./disk.ts";
import { recordingActs } from "./recording-host.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "takeover-cuts-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

const at = (name: string): string => join(dir, "disk", "data", name);
const textOf = (name: string): string | undefined => {
  try {
    return readFileSync(at(name), "utf8");
  } catch {
    return undefined;
  }
};

function start(files: Readonly<Record<string, string | Buffer>>): Disk {
  const data = join(dir, "made", "data");
  mkdirSync(data, { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(data, name), content, { mode: 0o600 });
  return new Disk(join(dir, "disk"), Disk.imageOf(join(dir, "made")));
}

async function takeover(disk: Disk, ...options: readonly string[]): Promise<number> {
  const lock = () => ({ acquire: async () => async () => undefined });
  const io = Object.assign(new RecordingIo(false, { MENDER_CONF_DIR: join(dir, "disk/etc") }), {
    host: { ...thisHost, files: recordingActs(disk), lock },
  });
  await run("switchback", ["-d", join(dir, "disk/data"), "takeover", ...options], io);
  return io.exitCode;
}

const ours = (): Record<string, string> => JSON.parse(textOf("switchback-store") ?? '{"values":{}}').values;
const theirs = (): Record<string, string> => asText(readLmdb(readFileSync(at("mender-store"))).values);

const TAKEN = { ...COMMITTED_VALUES, "taken-over": "6" };
const UPDATED = { "artifact-name": "v3", "artifact-provides": '{"rootfs-image.version":"v3"}' };

/** Which client knows what the device runs, in one word. Throws if neither does. */
function owner(): "client" | "switchback" | "client, and Switchback still has it" {
  const record = ours();
  if (Object.keys(record).length === 0) return "client";
  expect([TAKEN, { ...UPDATED, "taken-over": "6" }]).toContainEqual(record);
  const { "taken-over": _taken, ...known } = record;
  return isDeepStrictEqual(theirs(), known) ? "client, and Switchback still has it" : "switchback";
}

const store = (values: object): string => JSON.stringify({ version: 1, values });

const WAYS = {
  "a takeover": {
    before: { "mender-store": COMMITTED },
    options: [],
    allowed: ["client", "client, and Switchback still has it"],
    theirs: COMMITTED_VALUES,
    left: ["mender-store", "switchback-store"],
  },
  "giving back what is unchanged": {
    before: { "mender-store": COMMITTED, "switchback-store": store(TAKEN) },
    options: ["--undo"],
    allowed: ["client", "client, and Switchback still has it"],
    theirs: COMMITTED_VALUES,
    left: ["mender-store", "switchback-store"],
  },
  "giving back after an update": {
    before: { "mender-store": COMMITTED, "switchback-store": store({ ...UPDATED, "taken-over": "6" }) },
    options: ["--undo"],
    allowed: ["client", "client, and Switchback still has it", "switchback"],
    theirs: UPDATED,
    left: ["mender-store", "mender-store.before-switchback", "switchback-store"],
  },
} as const;

for (const [what, { before, options, allowed, theirs: expected, left }] of Object.entries(WAYS))
  test(`${what}: a power cut at each act leaves the device with one client or the other, and it can be done again`, async () => {
    const disk = start(before);
    expect(await takeover(disk, ...options)).toBe(0);
    const done = owner();
    const seen = new Set<string>();
    for (const { act, way, image } of cutsOf(disk, new Random(7), { possible: 0, tried: 0 })) {
      const after = new Disk(join(dir, "disk"), image);
      const where = `before act ${act + 1}, ${way}`;
      // The client's store is whole at every instant: what it was, or what it is to be.
      expect([COMMITTED_VALUES, expected], where).toContainEqual(theirs());
      const found = owner();
      expect(allowed, where).toContain(found);
      if (act === disk.acts.length) expect(found, `what was done is durable: ${way}`).toBe(done);
      seen.add(found);
      expect([0, 2], where).toContain(await takeover(after, ...options));
      expect([owner(), theirs()], where).toEqual([done, expected]);
      // The next change of the store uses what a cut has left of its reserve.
      const names = readdirSync(at(".")).filter((name) => !/\.(?:lock|reserve(?:\.new)?)$/.test(name));
      expect(names.sort(), where).toEqual(left);
    }
    expect(seen.size).toBeGreaterThan(1);
  });

test("a refusal makes no durable act", async () => {
  const disk = start({ "mender-store": PENDING });
  expect(await takeover(disk)).toBe(1);
  expect(disk.acts).toEqual([]);
});
