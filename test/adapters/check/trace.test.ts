import { describe, expect, test } from "vitest";
import { readTrace } from "../../../adapters/check/trace.ts";

const hex = (text: string): string =>
  [...Buffer.from(text)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
/** A string, as strace writes it with -xx. */
const str = (text: string): string => `"${hex(text)}"`;
/** A file descriptor, as strace writes it with -y. */
const fd = (number: number, path: string): string => `${number}<${hex(path)}>`;
const cwd = `AT_FDCWD<${hex("/r/d")}>`;
const env = fd(3, "/r/d/env");

/** The acts that calls come to, in words; `/r` is the root, and `d/env` is there with 3 bytes. */
const acts = (...calls: readonly string[]): readonly string[] => actsBelow(["/r"], calls);

function actsBelow(roots: readonly string[], calls: readonly string[]): readonly string[] {
  const text = calls.map((call) => (/^[0-9]+ /.test(call) ? call : `7 ${call}`)).join("\n");
  return readTrace(text, roots, new Map([["d/env", Buffer.from("old")]])).map((act) => {
    const { kind, ...rest } = act;
    const values = Object.values(rest).map((value) => (value instanceof Uint8Array ? Buffer.from(value) : value));
    return [kind, ...values].join(" ");
  });
}

const opened = (flags: string) => `openat(${cwd}, ${str("env")}, ${flags}, 0666) = ${env}`;

/** System calls, and what they did to files. */
const CALLS: Readonly<Record<string, readonly [calls: readonly string[], acts: readonly string[]]>> = {
  "opening to read": [[opened("O_RDONLY")], []],
  "opening with O_TRUNC": [[opened("O_WRONLY|O_CREAT|O_TRUNC")], ["truncate d/env 0"]],
  "opening a file that is new": [
    [`openat(${cwd}, ${str("new")}, O_WRONLY|O_CREAT, 0666) = ${fd(4, "/r/d/new")}`],
    ["create d/new"],
  ],
  "writes that follow each other": [
    [opened("O_WRONLY"), `write(${env}, ${str("ab")}, 2) = 2`, `write(${env}, ${str("c")}, 1) = 1`],
    ["write d/env 0 ab", "write d/env 2 c"],
  ],
  "a write that took less than it was given": [
    [opened("O_WRONLY"), `write(${env}, ${str("abc")}, 3) = 1`, `write(${env}, ${str("bc")}, 2) = 2`],
    ["write d/env 0 a", "write d/env 1 bc"],
  ],
  "a write after a seek": [
    [opened("O_WRONLY"), `lseek(${env}, 2, SEEK_SET) = 2`, `write(${env}, ${str("x")}, 1) = 1`],
    ["write d/env 2 x"],
  ],
  "a write at an offset": [[opened("O_WRONLY"), `pwrite64(${env}, ${str("x")}, 1, 9) = 1`], ["write d/env 9 x"]],
  "writes at the end": [
    [opened("O_WRONLY|O_APPEND"), `write(${env}, ${str("a")}, 1) = 1`, `write(${env}, ${str("b")}, 1) = 1`],
    ["write d/env 3 a", "write d/env 4 b"],
  ],
  "a write through O_SYNC": [
    [opened("O_WRONLY|O_SYNC"), `write(${env}, ${str("a")}, 1) = 1`],
    ["write d/env 0 a", "sync d/env"],
  ],
  "a write that failed": [[opened("O_WRONLY"), `write(${env}, ${str("a")}, 1) = -1 EIO (Input/output error)`], []],
  "what holds quotes, commas and brackets": [
    [opened("O_WRONLY"), `write(${env}, ${str('", <a>) = 9')}, 11) = 11`],
    ['write d/env 0 ", <a>) = 9'],
  ],
  "a file outside": [
    [`openat(${cwd}, ${str("/x")}, O_WRONLY|O_CREAT) = ${fd(4, "/x")}`, `write(${fd(4, "/x")}, ${str("a")}, 1) = 1`],
    [],
  ],
  "a folder whose name begins like the root's": [
    [`openat(${cwd}, ${str("/rest/a")}, O_WRONLY|O_CREAT) = ${fd(4, "/rest/a")}`],
    [],
  ],
  "syncs of a file and of its folder": [
    [`fsync(${env}) = 0`, `fdatasync(${env}) = 0`, `fsync(${fd(5, "/r/d")}) = 0`],
    ["sync d/env", "sync d/env", "syncFolder d"],
  ],
  "a sync of everything": [["sync() = 0"], ["syncAll"]],
  "a rename by relative names": [
    [`renameat2(${cwd}, ${str("env")}, ${cwd}, ${str("old")}, 0) = 0`],
    ["rename d/env d/old"],
  ],
  "a rename by whole names": [[`rename(${str("/r/d/env")}, ${str("/r/x")}) = 0`], ["rename d/env x"]],
  "a second name": [[`linkat(${cwd}, ${str("env")}, ${cwd}, ${str("l")}, 0) = 0`], ["link d/env d/l"]],
  "a removal, and one of a folder": [
    [`unlinkat(${cwd}, ${str("env")}, 0) = 0`, `unlinkat(${cwd}, ${str("sub")}, AT_REMOVEDIR) = 0`],
    ["remove d/env"],
  ],
  "a truncation": [
    [`ftruncate(${env}, 1) = 0`, `truncate(${str("/r/d/env")}, 2) = 0`],
    ["truncate d/env 1", "truncate d/env 2"],
  ],
  "a call that another process interrupts": [
    [
      `7 ${opened("O_WRONLY")}`,
      `7 write(${env}, ${str("a")}, 1 <unfinished ...>`,
      "8 sync() = 0",
      "7 <... write resumed>) = 1",
    ],
    ["syncAll", "write d/env 0 a"],
  ],
};

describe("a trace reports", () => {
  for (const [what, [calls, expected]] of Object.entries(CALLS)) {
    test(what, () => {
      expect(acts(...calls)).toEqual(expected);
    });
  }
});

/** The trace reports an act that it cannot follow, and does not guess. */
const REFUSED: Readonly<Record<string, readonly [calls: readonly string[], message: string]>> = {
  "a rename into the folder": [
    [`rename(${str("/x")}, ${str("/r/d/env")}) = 0`],
    "the program moves a file into or out of the sandbox",
  ],
  "a write by a call that shows no bytes": [
    [`writev(${env}, [{iov_base=${str("a")}, iov_len=1}], 1) = 1`],
    "the check cannot follow the call that writes d/env",
  ],
  "a write to a file without a name": [
    [opened("O_WRONLY"), `unlink(${str("/r/d/env")}) = 0`, `write(${env}, ${str("a")}, 1) = 1`],
    "the program writes d/env, which no longer has a name",
  ],
};

describe("a trace is refused with", () => {
  for (const [what, [calls, message]] of Object.entries(REFUSED)) {
    test(what, () => expect(() => acts(...calls)).toThrow(message));
  }
});

test("a program whose root is the folder names files in it by either path, and what it keeps in memory is no storage", () => {
  const created = (path: string): string =>
    `openat(${cwd}, ${str(path)}, O_WRONLY|O_CREAT|O_TRUNC, 0666) = ${fd(4, path)}`;
  const paths = ["/etc/x", "/r/etc/y", "/tmp/x", "/r/tmp/y", "/run/x", "/proc/self/comm", "/dev/null", "/dev/shm/x"];
  expect(actsBelow(["/r", ""], paths.map(created))).toEqual(["create etc/x", "create etc/y"]);
});
