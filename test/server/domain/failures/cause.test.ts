import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { causeByServer, causeOf, type LogMessage, NO_LOG } from "../../../../server/domain/failures/cause.ts";
import { signatureOf } from "../../../../server/domain/failures/signature.ts";

/** A log as the server shows it. Lines without a time belong to the message before. */
function readLog(name: string): LogMessage[] {
  const text = readFileSync(new URL(`logs/${name}.txt`, import.meta.url), "utf8");
  return text
    .trimEnd()
    .split(/\n(?=\d{4}-\d\d-\d\dT)/)
    .map((entry) => {
      const [, level = "", message = ""] = /^\S+ (\w+): (.*)$/s.exec(entry) ?? [];
      return { level, message };
    });
}

// The logs are those that Debian's mender 3.4.0 and our agent sent when they failed.
const MKDIR = "mkdir: cannot create directory ‘‹path›’: No such file or directory";
const BATTERY = "battery at ‹n› %, need ‹n› %";
for (const [log, signature] of [
  [
    "mender-3.4-image-does-not-boot",
    'Reboot to the new update failed. Expected "upgrade_available" flag to be true but it was false. Either the switch to the new partition was unsuccessful, or the bootloader rolled back',
  ],
  ["mender-3.4-module-fails", MKDIR],
  [
    "mender-3.4-no-module",
    "Fetching Artifact headers failed: installer: failed to read Artifact: readHeaderV‹n›: handleHeaderReads: Artifact Payload type 'nomodule' is not supported by this Mender Client. Make sure the Update M",
  ],
  ["mender-3.4-script-fails", BATTERY],
  ["switchback-image-does-not-boot", "BOOT_REVERTED: The boot loader reverted the update."],
  ["switchback-module-fails", MKDIR],
  [
    "switchback-no-module",
    "PAYLOAD_UNSUPPORTED: This device cannot install a payload of this type. It needs an update module, an executable file at that path. (type=nomodule, module=‹path›)",
  ],
  ["switchback-script-fails", BATTERY],
] as const)
  test(`the cause in the log ${log}`, () => {
    expect(causeOf(readLog(log))?.signature).toBe(signature);
  });

const error = (message: string): LogMessage => ({ level: "error", message });
const info = (message: string): LogMessage => ({ level: "info", message });
for (const [what, log, line] of [
  ["the error that ended the update", [error("proxy is away"), error("transient error: disk is full")], "disk is full"],
  ["the first of several errors", [error("disk is full"), error("cannot roll back")], "disk is full"],
  [
    "not an error after which the client goes on",
    [error("connection broken, will retry"), error("bad sum")],
    "bad sum",
  ],
  [
    "such an error if there is no other",
    [info("begin"), error("connection broken, will retry")],
    "connection broken, will retry",
  ],
  [
    "what a program wrote last",
    [
      info("Update Module output (stderr): a"),
      info("Update Module output (stderr): b"),
      error("Process exited with status 1"),
    ],
    "b",
  ],
  [
    "what a program wrote, but not long before",
    [info("Update Module output (stderr): a"), ...Array.from({ length: 30 }, () => info("x")), error("exit status 1")],
    "exit status 1",
  ],
  ["a warning, if there is no error", [{ level: "warning", message: "hot" }, info("done")], "hot"],
  [
    "the last line, if there is no warning",
    [info("begin"), info("the end"), info("State transition: a -> b")],
    "the end",
  ],
  ["a level in capitals", [{ level: "ERROR", message: "no" }, info("done")], "no"],
] as const satisfies readonly (readonly [string, readonly LogMessage[], string])[])
  test(`a log tells ${what}`, () => expect(causeOf(log)?.line).toBe(line));

test("an empty log tells nothing, and causes of different kinds differ", () => {
  expect(causeOf([])).toBeUndefined();
  const ids = [
    NO_LOG.id,
    causeByServer("REQUEST_CHANGED").id,
    causeOf([error("REQUEST_CHANGED")])?.id,
    causeOf([error("")])?.id,
  ];
  expect(new Set(ids).size).toBe(4);
});

for (const [line, signature] of [
  ["Cannot write to /dev/mmcblk0p3: no space left on device", "Cannot write to ‹path›: no space left on device"],
  ["checksum 3f786850e387550fdab836ed7e6dc881de23001b differs", "checksum ‹hex› differs"],
  ["read 0xDEADBEEF at 1048576", "read ‹hex› at ‹n›"],
  ["GET https://fleet.example.com:8443/a?b=1: status 503", "GET ‹url› status ‹n›"],
  ["dial tcp 10.0.0.7:443: connection refused", "dial tcp ‹address›: connection refused"],
  ["dial tcp [fe80::1:2]:443: no route", "dial tcp ‹address›: no route"],
  ["deployment 2a1774a1-5505-4c90-ba5c-48d582b58fe6 is gone", "deployment ‹id› is gone"],
  ["at 2026-11-30T11:14:31.397Z and 2026-11-30 12:00:01,5 +01:00 and 12:30:59", "at ‹time› and ‹time› and ‹time›"],
  ["mac 02:00:5e:10:00:aa", "mac ‹address›"],
  ["wrote 8388608/8388608 bytes in 1.25 s", "wrote ‹n›/‹n› bytes in ‹n› s"],
  ["version 1.2.3.4.5 of 300 units", "version ‹n› of ‹n› units"],
  ["error: module: not found: a::b", "error: module: not found: a::b"],
  ["face deadbeef effaced accede", "face deadbeef effaced accede"],
  ["  two\tblanks\n\u001b[31mand red \u202eright ", "two blanks [‹n›mand red right"],
] as const)
  test(`the signature of ${JSON.stringify(line)}`, () => expect(signatureOf(line)).toBe(signature));

test("devices that fail alike have one signature, whatever their numbers, paths and addresses are", () => {
  const line = (n: number): string =>
    `cannot mount /dev/sd${"abcd"[n % 4]}${n} (id ${n * 7919}) from 10.0.${n}.${n + 1}: after 0:00:${10 + n}`;
  expect(new Set([0, 1, 2, 3, 10, 39].map((n) => signatureOf(line(n)))).size).toBe(1);
});

test("a hostile log costs little, and its signature stays short", () => {
  const long = 1_000_000;
  // Of the processor: the machine may be busy with other tests.
  const began = process.cpuUsage();
  for (const line of [
    "a".repeat(long),
    "0".repeat(long),
    "/".repeat(long),
    ":".repeat(long),
    "a:".repeat(long),
    "1.".repeat(long),
    `Output (stderr) from command "${"x".repeat(long)}`,
    "💥".repeat(long),
    "0-".repeat(long),
    "://".repeat(long),
    "\ud800".repeat(long),
  ]) {
    const cause = causeOf([info(line), error(line), error("exit status 1")]);
    expect(cause?.signature.length).toBeLessThanOrEqual(400);
    expect(cause?.line.length).toBeLessThanOrEqual(500);
    expect(cause?.signature).not.toMatch(/\p{Surrogate}/u);
  }
  expect(causeOf(Array.from({ length: 200_000 }, (_, n) => info(`line ${n}`)))?.line).toBe("line 199999");
  expect(process.cpuUsage(began).user).toBeLessThan(3_000_000);
});
