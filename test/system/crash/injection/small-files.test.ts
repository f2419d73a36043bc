import { createPublicKey } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { diskReads } from "../../../../adapters/files/disk.ts";
import { createFileLock } from "../../../../adapters/lock/flock.ts";
import { createDeploymentLogFiles } from "../../../../adapters/log/deployment-log-files.ts";
import { createCachedValue } from "../../../../adapters/store/cached-value.ts";
import { Random } from "../../../../qemu/harness/random.ts";
import { type Host, thisHost } from "../../../../src/agent/host.ts";
import { writeDaemonPid } from "../../../../src/cli/managed/daemon-process.ts";
import { run } from "../../../../src/cli/run.ts";
import { resolvePaths } from "../../../../src/config/paths.ts";
import { loadDeviceKey } from "../../../../src/core/server/device-key.ts";
import type { FileActs } from "../../../../src/ports/files.ts";
import { RecordingIo } from "../../../support/recording-io.ts";
import { cutsOf } from "./cuts.ts";
import { Disk } from "./disk.ts";
import { recordingActs } from "./recording-host.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "small-files-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

const at = (name: string): string => join(dir, "disk", name);
const quiet = (): void => undefined;
const textOf = (name: string): string | undefined =>
  existsSync(at(name)) ? readFileSync(at(name), "utf8") : undefined;

/** A durable act of the agent on one of its own files. */
interface Doing {
  /** What exists before the act; folders end in a slash. */
  readonly before: Readonly<Record<string, string>>;
  act(files: FileActs): Promise<void>;
  /** What a system finds that starts after a cut, in one word. Throws for what must never happen. */
  found(): string;
  /** What the system may find after a cut (`allowed`), and must find when the act has ended (`done`). */
  readonly allowed: readonly string[];
  readonly done: string;
  /** Names in `etc` and `data` after the act was repeated: no temporary file may be left. */
  readonly left: readonly string[];
}

const KEY = "data/mender-agent.pem";
const setup = async (files: FileActs): Promise<void> => {
  const io = Object.assign(new RecordingIo(false, { MENDER_CONF_DIR: at("etc") }), {
    host: { ...thisHost, files },
  });
  const where = ["-c", at("etc/mender.conf"), "-d", at("data")];
  const what = ["--quiet", "--device-type", "new", "--server-url", "https://new.example"];
  await run("switchback", [...where, "setup", ...what], io);
  expect([io.exitCode, io.errLines]).toEqual([0, []]);
};
const serverIn = (text: string | undefined): string =>
  text === undefined ? "none" : (new URL(JSON.parse(text).ServerURL).hostname.split(".")[0] ?? "");
const typeIn = (text: string | undefined): string =>
  text === undefined ? "none" : (/^device_type=(\w+)\n$/.exec(text)?.[1] ?? "torn");
const keyIn = (text: string | undefined): string => {
  if (text === undefined) return "none";
  if (text === OLD_KEY) return "old";
  return createPublicKey(text).asymmetricKeyType === "ed25519" ? "new" : "torn";
};
const OLD_KEY = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
`;

const DOINGS: Readonly<Record<string, Doing>> = {
  "the first device key": {
    before: { "data/": "" },
    act: async (files) =>
      void (await loadDeviceKey({ path: at(KEY), isGiven: false }, quiet, { acts: files, reads: diskReads }, false)),
    found: () => keyIn(textOf(KEY)),
    allowed: ["none", "new"],
    done: "new",
    left: ["mender-agent.pem"],
  },
  "a device key in a new data folder": {
    before: {},
    act: async (files) =>
      void (await loadDeviceKey({ path: at(KEY), isGiven: false }, quiet, { acts: files, reads: diskReads }, false)),
    found: () => keyIn(textOf(KEY)),
    allowed: ["none", "new"],
    done: "new",
    left: ["mender-agent.pem"],
  },
  "a device key that replaces another": {
    before: { [KEY]: OLD_KEY },
    act: async (files) =>
      void (await loadDeviceKey({ path: at(KEY), isGiven: false }, quiet, { acts: files, reads: diskReads }, true)),
    found: () => keyIn(textOf(KEY)),
    allowed: ["old", "new"],
    done: "new",
    left: ["mender-agent.pem"],
  },
  "a first setup": {
    before: {},
    act: setup,
    found: () => `${serverIn(textOf("etc/mender.conf"))} ${typeIn(textOf("data/device_type"))}`,
    allowed: ["none none", "new none", "new new"],
    done: "new new",
    left: ["device_type", "mender.conf"],
  },
  "a setup over an earlier one": {
    before: { "etc/mender.conf": '{"ServerURL":"https://old.example"}', "data/device_type": "device_type=old\n" },
    act: setup,
    found: () => `${serverIn(textOf("etc/mender.conf"))} ${typeIn(textOf("data/device_type"))}`,
    allowed: ["old old", "new old", "new new"],
    done: "new new",
    left: ["device_type", "mender.conf"],
  },
  "what is kept of the server": {
    before: { "data/switchback-server": "old", "data/switchback-server.new": "half" },
    act: (files) => createCachedValue(at("data/switchback-server"), quiet, files).save("new"),
    found: () => textOf("data/switchback-server") ?? "none",
    allowed: ["old", "new"],
    done: "new",
    left: ["switchback-server"],
  },
  "what is kept of the server, forgotten": {
    before: { "data/switchback-server": "old" },
    act: (files) => createCachedValue(at("data/switchback-server"), quiet, files).save(undefined),
    found: () => textOf("data/switchback-server") ?? "none",
    allowed: ["old", "none"],
    done: "none",
    left: [],
  },
  "what is kept of the server, a folder in its place": {
    before: { "data/switchback-server/in": "it" },
    act: (files) => createCachedValue(at("data/switchback-server"), quiet, files).save("new"),
    found: () =>
      existsSync(at("data/switchback-server/in")) ? "folder" : (textOf("data/switchback-server") ?? "none"),
    allowed: ["folder", "none", "new"],
    done: "new",
    left: ["switchback-server", "switchback-server.damaged"],
  },
  "a lock, a folder in its place": {
    before: { "data/lock/in": "it" },
    act: async (files) => (await createFileLock(at("data/lock"), "flock", files).acquire())(),
    found: () => (existsSync(at("data/lock/in")) ? "folder" : "free"),
    allowed: ["folder", "free"],
    done: "free",
    left: ["lock", "lock.damaged"],
  },
};

function start(before: Readonly<Record<string, string>>): Disk {
  const made = join(dir, "made");
  for (const folder of ["etc", "data"])
    if (folder === "etc" || Object.keys(before).some((name) => name.startsWith(folder)))
      mkdirSync(join(made, folder), { recursive: true });
  for (const [name, text] of Object.entries(before)) {
    mkdirSync(join(made, name, ".."), { recursive: true });
    if (!name.endsWith("/")) writeFileSync(join(made, name), text);
  }
  return new Disk(join(dir, "disk"), Disk.imageOf(made));
}

for (const [what, doing] of Object.entries(DOINGS)) {
  test(`${what}: a power cut at each act leaves the old or the new, and it can be done again`, async () => {
    const disk = start(doing.before);
    await doing.act(recordingActs(disk));
    expect(doing.found()).toBe(doing.done);
    const seen = new Set<string>();
    for (const { act, way, image } of cutsOf(disk, new Random(7), { possible: 0, tried: 0 })) {
      const after = new Disk(join(dir, "disk"), image);
      const found = doing.found();
      expect(doing.allowed, `before act ${act + 1}, ${way}`).toContain(found);
      if (act === disk.acts.length) expect(found, `what was done is durable: ${way}`).toBe(doing.done);
      seen.add(found);
      await doing.act(recordingActs(after));
      expect(doing.found()).toBe(doing.done);
      const names = ["data", "etc"].flatMap((folder) => (existsSync(at(folder)) ? readdirSync(at(folder)) : []));
      expect(names.sort()).toEqual(doing.left);
    }
    expect(seen.size).toBeGreaterThan(1);
  });
}

test("logs of deployments that move up are all there after a power cut, each once, and the next one opens", async () => {
  const logs = ["0000.d-5", "0001.d-4", "0002.d-3", "0003.d-2", "0004.d-1"].map(
    (name) => `data/deployments.${name}.log`,
  );
  const disk = start(Object.fromEntries(logs.map((name) => [name, `${name.split(".")[2]}\n`])));
  const open = async (on: Disk): Promise<void> => {
    // The file of the new log is no act: no promise covers a log that is lost with the power.
    const log = await createDeploymentLogFiles(at("data"), { ...recordingActs(on) }, 0).open("d-6");
    await log.close();
  };
  await open(disk);
  const moved = ["0001.d-5", "0002.d-4", "0003.d-3", "0004.d-2"].map((name) => `deployments.${name}.log`);
  for (const { act, way, image } of cutsOf(disk, new Random(7), { possible: 0, tried: 0 })) {
    new Disk(join(dir, "disk"), image);
    const contents = readdirSync(at("data")).map((name) => readFileSync(at(`data/${name}`), "utf8"));
    const where = `before act ${act + 1}, ${way}`;
    expect(new Set(contents).size, where).toBe(contents.length);
    expect(contents, where).toEqual(expect.arrayContaining(["d-2\n", "d-3\n", "d-4\n", "d-5\n"]));
    if (act === disk.acts.length) expect(readdirSync(at("data")).sort(), where).toEqual(moved);
    await open(new Disk(join(dir, "disk"), image));
    expect(readdirSync(at("data")).length, where).toBeLessThanOrEqual(5);
  }
});

test("a pid file torn by a power cut belongs to no process, and the next daemon writes its own", async () => {
  const disk = start({ "data/": "" });
  const paths = resolvePaths({ datastore: at("data") }, {});
  const on = (files: FileActs): Host => ({
    ...thisHost,
    files,
    lock: () => ({ acquire: async () => async () => undefined }),
  });
  await writeDaemonPid(paths, quiet, on(recordingActs(disk)));
  for (const { image } of cutsOf(disk, new Random(7), { possible: 0, tried: 0 })) {
    const after = new Disk(join(dir, "disk"), image);
    const said: string[] = [];
    await writeDaemonPid(paths, (line) => said.push(line), on(recordingActs(after)));
    expect([textOf("data/switchback-daemon.pid"), said]).toEqual([`${process.pid}\n`, []]);
  }
});
