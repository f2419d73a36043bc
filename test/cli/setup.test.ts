import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RecordingIo } from "./recording-io.ts";
import { type CliResult, cli, codesOf } from "./test-board.ts";

let folder: string;
let main: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-setup-"));
  main = join(folder, "etc/mender.conf");
});
afterEach(() => rm(folder, { recursive: true }));

const setup = (argv: readonly string[], io = new RecordingIo(), name = "switchback"): Promise<CliResult> =>
  cli(name, ["-c", main, "-d", join(folder, "data"), "setup", ...argv], io);
const json = async (path: string): Promise<unknown> => JSON.parse(await readFile(path, "utf8"));
const modeOf = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8);
const NEEDED = ["--quiet", "--device-type", "board-a", "--server-url", "https://ota.example.com"];

test("options alone are enough; files that are not for everybody's eyes are written whole", async () => {
  const written = await setup([...NEEDED, "--tenant-token", "tt", "--server-cert", "/ca.pem", "--update-poll", "60"]);
  expect(written).toMatchObject({ exitCode: 0, out: [`Wrote ${main}: board-a, https://ota.example.com.`], err: [] });
  expect(await json(main)).toEqual({
    ServerURL: "https://ota.example.com",
    TenantToken: "tt",
    ServerCertificate: "/ca.pem",
    UpdatePollIntervalSeconds: 60,
  });
  const type = join(folder, "data/device_type");
  expect(await readFile(type, "utf8")).toBe("device_type=board-a\n");
  expect([await modeOf(main), await modeOf(type)]).toEqual(["600", "444"]);
  expect(await readdir(join(folder, "data"))).toEqual(["device_type"]);
});

test("slots go into the fallback file, which an update of the root filesystem does not replace", async () => {
  await setup([...NEEDED, "--rootfs-part-a", "/dev/a", "--rootfs-part-b", "/dev/b"]);
  const fallback = join(folder, "data/mender.conf");
  expect(await json(fallback)).toEqual({ RootfsPartA: "/dev/a", RootfsPartB: "/dev/b" });
  expect(await modeOf(fallback)).toBe("600");
});

test("keys of others stay, and those that are set are set once, whatever their case", async () => {
  await mkdir(join(folder, "etc"));
  const before = { serverurl: "https://old", Servers: [{ ServerURL: "https://x" }], ShellCommand: "/bin/sh" };
  await writeFile(main, JSON.stringify({ ...before, updatepollintervalseconds: 1 }));
  await setup([...NEEDED, "--demo-polling", "--retry-poll", "7"]);
  expect(await json(main)).toEqual({
    ShellCommand: "/bin/sh",
    ServerURL: "https://ota.example.com",
    UpdatePollIntervalSeconds: 5,
    InventoryPollIntervalSeconds: 5,
    RetryPollIntervalSeconds: 7,
  });
});

test("on a terminal it asks for what no option says, and offers what it knows", async () => {
  const first = new RecordingIo();
  first.answers = ["board-b", "https://one.example"];
  await setup([], first);
  const second = new RecordingIo();
  second.answers = ["", "https://two.example"];
  expect((await setup([], second, "mender-setup")).exitCode).toBe(0);
  expect([first.asked, second.asked]).toEqual([
    ["Device type: ", "Address of the server: "],
    ["Device type [board-b]: ", "Address of the server [https://one.example]: "],
  ]);
  expect(await json(main)).toEqual({ ServerURL: "https://two.example" });
});

test.each([
  ["no device type", ["--server-url", "https://x.example"], "CLI_USAGE"],
  ["no server", ["--device-type", "board-a"], "CLI_USAGE"],
  ["a device type with a blank", ["--device-type", "a b", "--url", "https://x.example"], "CLI_USAGE"],
  ["an interval that is none", [...NEEDED, "--update-poll", "0"], "CLI_USAGE"],
  ["an address that is none", ["--device-type", "a", "--url", "x.example"], "CONFIG_INVALID"],
  ["plain http to elsewhere", ["--device-type", "a", "--url", "http://x.example"], "SERVER_PLAIN_HTTP"],
])("%s is refused and nothing is written", async (_what, argv, code) => {
  const refused = await setup(argv);
  expect([refused.exitCode, codesOf(refused)]).toEqual([1, [code]]);
  expect(await readdir(folder)).toEqual([]);
});

test("a configuration that cannot be read is not replaced", async () => {
  await mkdir(join(folder, "etc"));
  await writeFile(main, "{ broken");
  expect(codesOf(await setup(NEEDED))).toEqual(["CONFIG_INVALID"]);
  expect(await readFile(main, "utf8")).toBe("{ broken");
});

test("a folder that cannot be made is said to be the reason", async () => {
  await writeFile(join(folder, "data"), "no folder");
  expect(codesOf(await setup([...NEEDED, "--rootfs-part-a", "/dev/a"]))).toEqual(["CONFIG_INVALID"]);
  await rm(join(folder, "data"));
  await mkdir(`${main}.new`, { recursive: true });
  expect(codesOf(await setup(NEEDED))).toEqual(["SETUP_WRITE"]);
});
