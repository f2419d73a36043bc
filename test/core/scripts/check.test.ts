import { expect, test } from "vitest";
import { checkScriptFolder, type EntryWithHead } from "../../../src/core/scripts/check.ts";

const script = (name: string, odd: Partial<EntryWithHead> = {}): EntryWithHead => ({
  name,
  isFile: true,
  isExecutable: true,
  head: "#!/bin/sh\necho\n",
  ...odd,
});
const NOWHERE: readonly EntryWithHead[] = [];

test("scripts that all run leave nothing to say", () => {
  const entries = [
    script("ArtifactInstall_Enter_10"),
    script("version", { isExecutable: false, head: "3" }),
    script("ArtifactInstall_Enter_09", { head: "\u007fELF\u0002" }),
    script("ArtifactRollbackReboot_Error_00"),
  ];
  expect(checkScriptFolder(entries, "3\n")).toEqual({
    origin: "artifact",
    runnable: ["ArtifactInstall_Enter_09", "ArtifactInstall_Enter_10", "ArtifactRollbackReboot_Error_00"],
    findings: [],
  });
});

const PROBLEMS: readonly (readonly [string, EntryWithHead, string, RegExp])[] = [
  ["a wrong name", script("ArtifactInstall_Enter_1"), "name", /^never runs: it is not named/],
  ["a backup", script("ArtifactInstall_Enter_01~"), "name", /^never runs/],
  ["a missing run bit", script("Download_Enter_01", { isExecutable: false }), "run-bit", /chmod \+x/],
  ["a folder in place of a script", script("ArtifactInstall_Enter_01", { isFile: false }), "type", /not a file/],
  ["a script of the other folder", script("Download_Enter_01"), "folder", /belong to the root filesystem$/],
  ["a script that nothing leads to", script("ArtifactFailure_Error_00"), "never", /failure in ArtifactFailure$/],
  ["lines that end like those of DOS", script("ArtifactCommit_Enter_00", { head: "#!/bin/sh\r\n" }), "start", /CR LF/],
  ["no interpreter line", script("ArtifactCommit_Enter_00", { head: "echo\n" }), "start", /no '#!' line/],
];
for (const [what, entry, rule, message] of PROBLEMS) {
  test(`${what} is a problem`, () => {
    const { findings, runnable } = checkScriptFolder([entry], "3", rule === "run-bit" ? "rootfs" : "artifact");
    expect(runnable).toEqual([]);
    expect(findings).toEqual([{ level: "problem", file: entry.name, rule, message: expect.stringMatching(message) }]);
  });
}

test("by default, a folder with scripts of both kinds is treated as a build folder, and each script is checked by its kind", () => {
  const mixed = [
    script("Download_Enter_00", { isExecutable: false }),
    script("Sync_Enter_00"),
    script("ArtifactCommit_Enter_00", { isExecutable: false }),
  ];
  const { origin, runnable, findings } = checkScriptFolder(mixed, "3");
  expect([origin, runnable]).toEqual(["mixed", ["ArtifactCommit_Enter_00", "Sync_Enter_00"]]);
  expect(findings.map(({ file, rule }) => [file, rule])).toEqual([["Download_Enter_00", "run-bit"]]);
});

test("scripts of an Artifact need no run bit and no version file", () => {
  const { origin, runnable, findings } = checkScriptFolder(
    [script("ArtifactInstall_Enter_00", { isExecutable: false })],
    undefined,
  );
  expect([origin, runnable, findings]).toEqual(["artifact", ["ArtifactInstall_Enter_00"], []]);
});

test("scripts that share a number are reported, with the one that runs first", () => {
  const names = ["ArtifactCommit_Enter_05_c", "ArtifactCommit_Enter_05_b", "ArtifactCommit_Leave_05"];
  expect(
    checkScriptFolder(
      names.map((name) => script(name)),
      "3",
    ).findings,
  ).toEqual([
    {
      level: "note",
      file: "ArtifactCommit_Enter_05_c",
      rule: "order",
      message: "has the same number as ArtifactCommit_Enter_05_b, and runs after it",
    },
  ]);
});

test("a version file that no client takes is a problem, a missing one a note", () => {
  expect(checkScriptFolder(NOWHERE, "1", "rootfs").findings).toMatchObject([{ level: "problem", rule: "version" }]);
  expect(checkScriptFolder(NOWHERE, undefined, "rootfs").findings).toMatchObject([{ level: "note", rule: "version" }]);
});
