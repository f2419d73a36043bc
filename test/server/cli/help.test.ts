import { expect, test } from "vitest";
import { helpParts, leavesOf, pathOf } from "../../../scripts/lib/command-tree.ts";
import { commandLine, PROGRAM, runCommandLine } from "../../../server/cli/command-line.ts";
import type { ServerIo } from "../../../server/cli/io.ts";

function recordingIo(environment: Record<string, string> = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const io: ServerIo = {
    out: (line) => void out.push(line),
    err: (line) => void err.push(line),
    environment,
    logTo: { write: () => undefined },
    onSignal: () => undefined,
    exit: () => undefined,
    exitCode: 0,
  };
  return { io, out, err };
}

const commands = commandLine(recordingIo().io).commands.flatMap((command) => leavesOf(command));

for (const command of commands)
  test(`the examples of ${pathOf(command)} are command lines that it accepts`, () => {
    const { examples } = helpParts(command);
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) {
      const [program, ...words] = example.split(" ");
      expect(program).toBe(PROGRAM);
      const path = pathOf(command).split(" ");
      expect(words.slice(0, path.length)).toEqual(path);
      const { unknown, operands } = command.parseOptions(words.slice(path.length));
      expect([unknown, operands.length]).toEqual([[], command.registeredArguments.length]);
    }
  });

test("--print-config prints a configuration file, and starts nothing", async () => {
  const { io, out, err } = recordingIo({ SWITCHBACK_ROLE: "api" });
  await runCommandLine(["start", "--tls", "off", "--listen", "127.0.0.1:9000", "--print-config"], io);
  expect([io.exitCode, err]).toEqual([0, []]);
  expect(out.find((line) => line.startsWith("role:"))).toMatch(/^role: api +# SWITCHBACK_ROLE$/);
  expect(out.find((line) => line.startsWith("listen:"))).toMatch(/^listen: 127\.0\.0\.1:9000 +# --listen$/);
});

for (const [argv, message] of [
  [["start", "--rolle", "all"], "error: unknown option '--rolle'"],
  [["stat"], "error: unknown command 'stat'"],
  [["tenant", "add", "x"], "error: required option '--admin <EMAIL>' not specified"],
  [["start", "--role", "x"], "CONFIG_INVALID: The configuration is not valid. (key: role"],
  [["start", "--config", "/none"], "CONFIG_INVALID: The configuration is not valid. (file: /none"],
] as const)
  test(`${argv.join(" ")} is refused with one line and status 2`, async () => {
    const { io, out, err } = recordingIo();
    await runCommandLine(argv, io);
    expect([io.exitCode, out]).toEqual([2, []]);
    expect(err[0]).toContain(message);
  });
