import { tmpdir } from "node:os";
import { expect, test, vi } from "vitest";
import { processState } from "./process-state.ts";

const now = () => ({
  environment: { ...process.env },
  folder: process.cwd(),
  umask: process.umask(),
  webAssembly: Reflect.get(globalThis, "WebAssembly"),
  hasRealTimers: !vi.isFakeTimers(),
});

test("what a test file does to its process ends with the file", () => {
  const before = now();
  const restore = processState();
  process.env["PATH"] = "/nowhere";
  process.env["SWITCHBACK_TEST_NEW"] = "new";
  delete process.env["TMPDIR"];
  vi.stubEnv("HOME", "/elsewhere");
  vi.stubGlobal("WebAssembly", undefined);
  vi.useFakeTimers();
  process.chdir(tmpdir());
  process.umask(0o077);
  restore();
  expect(now()).toEqual(before);
});
