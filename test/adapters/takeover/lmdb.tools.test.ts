import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { USUAL_SHAPE } from "../../../adapters/takeover/lmdb-format.ts";
import { readLmdb } from "../../../adapters/takeover/lmdb-reader.ts";
import { writeLmdb } from "../../../adapters/takeover/lmdb-writer.ts";
import { Random } from "../../../qemu/harness/random.ts";

let dir = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "switchback-lmdb-"));
});
afterAll(() => rmSync(dir, { recursive: true }));

/** Runs a program in Debian's Python, with LMDB itself. @returns what it prints, as JSON */
function lmdb<T>(program: string): T {
  const { status, stdout, stderr } = spawnSync("/usr/bin/python3", ["-c", `${COMMON}\n${program}`, dir], {
    encoding: "utf8",
    maxBuffer: 512 * 1024 * 1024,
  });
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout);
}

type Values = Readonly<Record<string, string>>;

const COMMON = `
import glob, json, lmdb, os, random, sys
def shown(known): return {k.hex(): v.hex() for k, v in known.items()}
def change(env, known, r, times, width, size):
    for _ in range(times):
        with env.begin(write=True) as t:
            for _ in range(r.choice([1, 10, 200])):
                if known and r.random() < .3:
                    k = r.choice(list(known)); t.delete(k); del known[k]
                else:
                    k = ((b"key%d" % r.randrange(width)) * r.randint(1, r.choice([1, 30])))[:511]
                    v = r.randbytes(r.randrange(size)); t.put(k, v); known[k] = v
        if r.random() < .2:
            t = env.begin(write=True); t.put(b"never", b"committed"); t.abort()
`;

const inHex = (values: ReadonlyMap<string, Buffer>): Values =>
  Object.fromEntries(
    [...values].map(([key, value]) => [Buffer.from(key, "latin1").toString("hex"), value.toString("hex")]),
  );

test("files that LMDB has written in many random transactions are read exactly", () => {
  const known = lmdb<Readonly<Record<string, Values>>>(`
out = {}
for seed in range(40):
    r = random.Random(seed)
    path = "%s/%d.random" % (sys.argv[1], seed)
    env = lmdb.open(path, subdir=False, map_size=1 << 30, sync=False)
    known = {}
    change(env, known, r, r.choice([1, 3, 20]), r.choice([5, 50, 2000]), r.choice([20, 300, 3000, 20000]))
    env.close()
    out["%d.random" % seed] = shown(known)
print(json.dumps(out))`);
  expect(Object.keys(known).length).toBe(40);
  for (const [name, values] of Object.entries(known))
    expect(inHex(readLmdb(readFileSync(join(dir, name))).values), name).toEqual(values);
});

test("files that we write are read by LMDB, which goes on writing them, and then read by us again", () => {
  const random = new Random(5);
  const written: Record<string, Values> = {};
  for (const pageBytes of [512, 4096, 32_768])
    for (const count of [0, 1, 8, 700]) {
      const values = new Map<string, Buffer>();
      for (let at = 0; at < count; at++)
        values.set(
          `${"k".repeat(random.below(40))}${at}`,
          random.fill(Buffer.alloc(random.below(at % 9 === 0 ? 9000 : 60))),
        );
      written[`${pageBytes}-${count}.ours`] = inHex(values);
      writeFileSync(join(dir, `${pageBytes}-${count}.ours`), writeLmdb({ ...USUAL_SHAPE, pageBytes }, values, 7n));
    }
  const [found, then] = lmdb<readonly [Record<string, Values>, Record<string, Values>]>(`
found, then = {}, {}
for path in glob.glob(sys.argv[1] + "/*.ours"):
    env = lmdb.open(path, subdir=False, map_size=1 << 28, sync=False)
    with env.begin() as t: known = {k: v for k, v in t.cursor()}
    found[os.path.basename(path)] = shown(known)
    change(env, known, random.Random(1), 20, 400, 3000)
    env.close()
    then[os.path.basename(path)] = shown(known)
print(json.dumps([found, then]))`);
  expect(found).toEqual(written);
  for (const [name, values] of Object.entries(then))
    expect(inHex(readLmdb(readFileSync(join(dir, name))).values), name).toEqual(values);
});

test("a database that allows several values for a key, or holds other databases, is refused", () => {
  lmdb(`
env = lmdb.open(sys.argv[1] + "/named.odd", subdir=False, max_dbs=2)
with env.begin(write=True) as t: t.put(b"k", b"v", db=env.open_db(b"within", txn=t))
env = lmdb.open(sys.argv[1] + "/dup.odd", subdir=False, max_dbs=2)
with env.begin(write=True) as t: t.put(b"k", b"v", db=env.open_db(b"within", txn=t, dupsort=True))
print("[]")`);
  const names = readdirSync(dir).filter((name) => name.endsWith(".odd"));
  expect(names.length).toBe(2);
  for (const name of names)
    expect(() => readLmdb(readFileSync(join(dir, name)))).toThrow(expect.objectContaining({ code: "TAKEOVER_FORMAT" }));
});
