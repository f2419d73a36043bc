import { generateKeyPairSync } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { selfSigned } from "../../support/self-signed.ts";
import { type CliResult, TestBoard } from "../../support/test-board.ts";

const KEY = generateKeyPairSync("ec", { namedCurve: "prime256v1" }).publicKey.export({ type: "spki", format: "pem" });

let board: TestBoard;
beforeEach(async () => {
  board = await TestBoard.make();
  await writeFile(board.path("data/key.pem"), KEY);
  await mkdir(board.path("share/identity"));
  await copyFile("identity/mender-device-identity", board.path("share/identity/mender-device-identity"));
  await writeFile(board.path("data/mender.conf"), JSON.stringify({ ArtifactVerifyKey: board.path("data/key.pem") }));
});
afterEach(async () => {
  vi.useRealTimers();
  await board.remove();
});

/** Lines with the board's folder as BOARD, without the parts that change from run to run. */
const steady = ({ out }: CliResult): readonly string[] =>
  out.map((line) =>
    line
      .replaceAll(board.dir, "BOARD")
      .replace(/[0-9.]+ MiB in/, "SIZE in")
      .replace(/clock: 2.*Z/, "clock: TIME"),
  );

const doctor = (...options: readonly string[]): Promise<CliResult> => board.agent("doctor", ...options);

/** The problems, and the advice for each. */
async function complaints(): Promise<readonly string[]> {
  const result = await doctor();
  const lines = steady(result).filter((line) => /^(?:wrong|warning|\s+->)/.test(line));
  expect([result.err, result.log]).toEqual([[], []]);
  expect(result.exitCode).toBe(lines.some((line) => line.startsWith("wrong")) ? 1 : 0);
  return lines;
}

test("on a healthy board every line is ok and names what was examined, and nothing changes", async () => {
  const before = await contents();
  const result = await doctor();
  expect({ ...result, out: steady(result) }).toEqual({ exitCode: 0, out: HEALTHY, err: [], log: [] });
  expect(await contents()).toEqual(before);
});

/** Every file of the board, and its content. */
async function contents(): Promise<readonly (readonly [string, string])[]> {
  const found = await readdir(board.dir, { recursive: true, withFileTypes: true });
  const files = found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(files.sort().map(async (path) => [path, await readFile(path, "latin1")] as const));
}

const HEALTHY = [
  "ok       configuration: BOARD/data/mender.conf, then BOARD/etc/mender.conf",
  "ok       slot A: BOARD/slots/rootfs2, file, 256 KiB",
  "ok       slot B: BOARD/slots/rootfs3, file, 256 KiB",
  "ok       running slot: A, BOARD/slots/rootfs2",
  "ok       room for an update: BOARD/slots/rootfs3 has 256 KiB",
  "ok       slot B is free: BOARD/slots/rootfs3 is not mounted",
  "ok       boot environment: 7 variables, replaced as a whole",
  "ok       canary: the boot loader has set its mark",
  "ok       plan of the boot loader (fake): the next start boots slot A, which runs now",
  "ok       data partition: virtual board (folder) on BOARD/data",
  "ok       datastore: BOARD/data can be written",
  "ok       free space: SIZE in BOARD/data",
  "ok       pending update: none",
  "ok       lock: free",
  "ok       clock: TIME",
  "ok       BOARD/data/device_type: board-a",
  "ok       BOARD/data/key.pem: ecdsa-p256",
  "ok       BOARD/etc/scripts: no scripts",
  "ok       BOARD/data/scripts: no scripts",
  "ok       BOARD/share/modules/v3: no modules",
  "ok       permissions: no other user can change any of 11 files and folders",
  "ok       ServerURL: none: updates come from the command line",
  "22 ok, 0 warning, 0 wrong: an update can be installed and rolled back.",
];

/** Each row is one fault, and the lines that report it. */
const FAULTS: readonly (readonly [string, () => Promise<unknown>, readonly string[]])[] = [
  [
    "a boot environment without anything in it",
    () => writeFile(board.path("boot/env"), ""),
    [
      "wrong    boot environment: BOARD/boot/env holds no variables",
      "         -> The boot loader has no variables to read: create the board again (switchback board create).",
    ],
  ],
  [
    "a slot that is too small",
    () => truncate(board.path("slots/rootfs3"), 65_536),
    [
      "wrong    room for an update: BOARD/slots/rootfs3 has 64 KiB, the running system takes 128 KiB",
      "         -> Repartition the disk with two slots of the same size: an image like the running one does not fit.",
    ],
  ],
  [
    "slots of two sizes",
    () => truncate(board.path("slots/rootfs3"), 196_608),
    [
      "warning  room for an update: BOARD/slots/rootfs3 has 192 KiB, the running slot 256 KiB",
      "         -> Build images for the smaller slot, or give both slots the same size.",
    ],
  ],
  [
    "a slot that is missing",
    () => rm(board.path("slots/rootfs3")),
    [
      "wrong    slot B: BOARD/slots/rootfs3 does not exist",
      "         -> Set RootfsPartB in mender.conf to the partition, image file or UBI volume of slot B. (RootfsPartB is set in BOARD/etc/mender.conf, line 3)",
    ],
  ],
  [
    "a data partition that is not mounted",
    () => rename(board.path("data"), board.file("unmounted")),
    [
      "wrong    data partition: BOARD/data does not exist",
      "         -> Mount the data partition before the agent starts (/etc/fstab), and keep BOARD/data on it.",
    ],
  ],
  [
    "a clock in 1970",
    async () => vi.setSystemTime(42_000),
    [
      expect.stringMatching(/^wrong {4}clock: 1970-01-01T00:00:42.000Z, before this program was built \(20..-..-..\)$/),
      "         -> Set the clock from a real-time clock with a battery, by NTP, or to the time of the last shutdown.",
    ],
  ],
  [
    "a state script without its run bit",
    async () => {
      await writeFile(board.path("etc/scripts/version"), "3");
      await writeFile(board.path("etc/scripts/Download_Enter_00"), "#!/bin/sh\n");
    },
    [
      "wrong    BOARD/etc/scripts/Download_Enter_00: never runs: it is not executable (chmod +x)",
      "         -> To see what each script needs: switchback state-scripts check BOARD/etc/scripts --for rootfs",
    ],
  ],
  [
    "an update module without its run bit",
    () => writeFile(board.path("share/modules/v3/deb"), "#!/bin/sh\n"),
    [
      "wrong    BOARD/share/modules/v3/deb: not executable, so the agent refuses its payloads",
      "         -> chmod +x BOARD/share/modules/v3/deb",
    ],
  ],
  [
    "a key that is none",
    async () => {
      await writeFile(board.file("key.pem"), "no key");
      await board.configure({ ArtifactVerifyKey: board.file("key.pem") });
    },
    [
      expect.stringMatching(/^wrong {4}signatures: KEY_INVALID: .*key\.pem/),
      "         -> Set ArtifactVerifyKeys to public keys in PEM form. Until then, the agent installs no Artifact.",
    ],
  ],
  [
    "both slots on one storage",
    async () => {
      await symlink("rootfs2", board.path("slots/link3"));
      await board.configure({ RootfsPartB: board.path("slots/link3") });
    },
    [
      "wrong    two slots: both names refer to the same storage",
      "         -> Name two different partitions, or an update would overwrite the running system.",
    ],
  ],
];

test.each(FAULTS)("%s is reported with advice", async (_, make, lines) => {
  await make();
  expect(await complaints()).toEqual(lines);
});

test("an update that waits for its commit is reported, because it blocks the next one", async () => {
  const unsigned = await board.release("v2");
  await board.configure({ ArtifactVerifyKey: "" });
  expect((await board.agent("install", unsigned)).exitCode).toBe(0);
  await board.configure({ ArtifactVerifyKey: undefined });
  expect(await complaints()).toEqual([
    "warning  plan of the boot loader (fake): the next start boots slot B on trial, while slot A runs",
    "         -> Reboot if an update has been installed; then commit it, or roll it back.",
    "wrong    pending update: v2, at @commit",
    "         -> Keep it with 'switchback commit' or undo it with 'switchback rollback' before the next update.",
  ]);

  // Without a commit, the boot loader returns to slot A at the second start. A commit is then too late.
  await board.boot();
  await board.boot();
  expect(await complaints()).toEqual([
    "wrong    pending update: v2, at @commit, but the boot loader has returned to the old system",
    "         -> Undo the rest of it with 'switchback rollback' before the next update. A commit would be refused.",
  ]);
  expect((await board.agent("rollback")).exitCode).toBe(0);
  expect(await complaints()).toEqual([]);
});

test("--json prints one object for programs", async () => {
  await writeFile(board.path("share/modules/v3/deb"), "#!/bin/sh\n");
  const { exitCode, out } = await doctor("--json");
  const { ok, findings } = JSON.parse(out.join("").replaceAll(board.dir, "BOARD"));
  expect([exitCode, out.length, ok, findings.length]).toEqual([1, 1, false, 23]);
  const path = "BOARD/share/modules/v3/deb";
  expect(findings.slice(19, 21)).toEqual([
    {
      area: "modules",
      level: "wrong",
      subject: path,
      found: "not executable, so the agent refuses its payloads",
      advice: `chmod +x ${path}`,
    },
    { area: "modules", level: "ok", subject: "BOARD/share/modules/v3", found: "deb" },
  ]);
});

/** An HTTPS server with this certificate, while `work` runs. */
async function withServer(keys: ReturnType<typeof selfSigned>, work: (port: number) => Promise<void>): Promise<void> {
  const server: Server = createServer(keys).listen(0, "127.0.0.1");
  try {
    await new Promise((resolve) => server.once("listening", resolve));
    await work((server.address() as AddressInfo).port);
  } finally {
    server.close();
  }
}

/** Servers, whether the device trusts their certificate, more keys of mender.conf, and the expected finding. */
const SERVERS = [
  ["a certificate that nobody vouches for", {}, false, {}, "wrong", "DEPTH_ZERO_SELF_SIGNED_CERT", "ServerCertificate"],
  ["one that has expired", { lastYear: 2021 }, true, {}, "wrong", "CERT_HAS_EXPIRED", "Renew"],
  ["one of another host", { address: "10.9.8.7" }, true, {}, "wrong", "ERR_TLS_CERT_ALTNAME_INVALID", "host name"],
  ["one that is not verified", {}, false, { SkipVerify: true }, "warning", "but not verified", "Remove SkipVerify"],
] as const;

test.each(SERVERS)(
  "of a server with %s it is said what to do",
  async (_, made, trusted, more, level, found, advice) => {
    const keys = selfSigned(made);
    await writeFile(board.file("server.pem"), keys.cert);
    await withServer(keys, async (port) => {
      const ServerURL = `https://127.0.0.1:${port}`;
      await board.configure({ ServerURL, ...(trusted && { ServerCertificate: board.file("server.pem") }), ...more });
      const { out, exitCode } = await doctor();
      const [line = "", then = ""] = out.filter((text) => !text.startsWith("ok")).slice(0, 2);
      expect(line).toContain(`${level.padEnd(7)}  certificate of ${ServerURL}: `);
      expect(line).toContain(found);
      expect(then).toContain(advice);
      expect(exitCode).toBe(level === "wrong" ? 1 : 0);
    });
  },
);

test("a server whose certificate is trusted is ok, with the day until which it is", async () => {
  const keys = selfSigned();
  await writeFile(board.file("server.pem"), keys.cert);
  await withServer(keys, async (port) => {
    const ServerURL = `https://127.0.0.1:${port}`;
    await board.configure({ ServerURL, ServerCertificate: board.file("server.pem") });
    expect((await doctor()).out.at(-2)).toBe(`ok       certificate of ${ServerURL}: 127.0.0.1, valid until 2049-12-31`);
  });
});

test("a server that is not there, and one over plain http elsewhere, are wrong", async () => {
  await board.configure({ ServerURL: "https://127.0.0.1:1" });
  expect(await complaints()).toEqual([
    "wrong    certificate of https://127.0.0.1:1: ECONNREFUSED: connect ECONNREFUSED 127.0.0.1:1",
    "         -> Check the port in ServerURL, and whether the server runs. (ServerURL is set in BOARD/etc/mender.conf, line 1)",
  ]);
  await board.configure({ ServerURL: "http://192.0.2.1" });
  expect(await complaints()).toEqual([
    expect.stringMatching(/^wrong {4}server: SERVER_PLAIN_HTTP: /),
    "         -> Check ServerURL, ServerCertificate and HttpsClient in mender.conf. (ServerURL is set in BOARD/etc/mender.conf, line 1)",
  ]);
});

test("a device that takes unsigned Artifacts is warned, and so is one with a weak key", async () => {
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
  await writeFile(board.path("data/key.pem"), publicKey.export({ type: "spki", format: "pem" }));
  expect(await complaints()).toEqual([
    "warning  BOARD/data/key.pem: RSA with 1024 bits is weak: use 2048 or more",
    "         -> Sign with a new key too, name both in ArtifactVerifyKeys, and then retire the old one.",
  ]);
  await rm(board.path("data/mender.conf"));
  expect(await complaints()).toEqual([
    "warning  ArtifactVerifyKeys: none: unsigned Artifacts are installed",
    "         -> Set ArtifactVerifyKeys to the public key of your signing key.",
  ]);
});
