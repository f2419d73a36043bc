import { Command } from "commander";
import { expect, test } from "vitest";
import { printAlike } from "../../src/util/print-alike.ts";

test("a subcommand says line by line what is wrong, throws, and escapes what the user typed", async () => {
  const said: string[] = [];
  const program = new Command("program");
  program
    .command("group")
    .command("inner")
    .action(() => undefined);
  printAlike(program, { out: (line) => said.push(`out ${line}`), err: (line) => said.push(`err ${line}`) });
  const run = (...argv: readonly string[]) => program.parseAsync([...argv], { from: "user" });
  await expect(run("group", "inner", "--\u001b[2J")).rejects.toMatchObject({ code: "commander.unknownOption" });
  expect(said.join("\n")).not.toContain("\u001b");
  expect(said).toContain("err (run with --help for the options)");
  said.length = 0;
  await expect(run("group", "inner", "--help")).rejects.toMatchObject({ exitCode: 0 });
  expect(said[0]).toMatch(/^out Usage: program group inner/);
});
