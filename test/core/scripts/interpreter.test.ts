import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { diskReads } from "../../../adapters/files/disk.ts";
import { missingInterpreter } from "../../../src/core/scripts/interpreter.ts";

/** A root file system with one shell, which is reached by links as on distributions with a merged /usr. */
let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "switchback-interpreter-"));
  await mkdir(join(root, "usr/bin"), { recursive: true });
  await mkdir(join(root, "etc/alternatives"), { recursive: true });
  for (const program of ["dash", "env"]) await writeFile(join(root, "usr/bin", program), "", { mode: 0o755 });
  await writeFile(join(root, "usr/bin/data"), "");
  await symlink("usr/bin", join(root, "bin"));
  await symlink("/etc/alternatives/sh", join(root, "usr/bin/sh"));
  await symlink("../../usr/bin/dash", join(root, "etc/alternatives/sh"));
  await symlink("loop", join(root, "usr/bin/loop"));
});
afterAll(() => rm(root, { recursive: true }));

test.each([
  ["#!/bin/sh\n", undefined],
  ["#! /bin/sh -e\n", undefined],
  ["#!/bin/sh", undefined],
  ["#!/bin/bash\n", "/bin/bash"],
  ["#!/bin/loop\n", "/bin/loop"],
  ["#!/usr/bin/data\n", "/usr/bin/data"],
  ["#!/usr/bin\n", "/usr/bin"],
  ["#!sh\n", "sh"],
  ["#!/usr/bin/env sh\n", undefined],
  ["#!/usr/bin/env python3\n", "python3"],
  ["#!/usr/bin/env sh -e\n", "sh -e"],
  ["#!/usr/bin/env -S sh -e\n", undefined],
  ["#!/usr/bin/env -S A=b nosh -e\n", "nosh"],
  ["#!/usr/bin/env\n", undefined],
  ["echo\n", undefined],
  ["\u007fELF", undefined],
])("of a script that begins with %j the interpreter %j is missing", async (head, missing) => {
  expect(await missingInterpreter(head, diskReads, root)).toBe(missing);
});

test("without another root, this machine's own is asked", async () => {
  expect(await missingInterpreter("#!/usr/bin/env sh\n", diskReads)).toBeUndefined();
  expect(await missingInterpreter("#!/nowhere/sh\n", diskReads)).toBe("/nowhere/sh");
});
