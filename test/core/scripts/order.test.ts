import { expect, test } from "vitest";
import { originOf, parseScriptName, type ScriptAction, type ScriptState } from "../../../src/core/scripts/names.ts";
import { checkVersion, type FolderEntry, scriptSet } from "../../../src/core/scripts/order.ts";
import { SET_POLICY } from "../../../src/core/scripts/policy.ts";

const NAMES: readonly (readonly [string, ScriptState, ScriptAction, string])[] = [
  ["Idle_Enter_00", "Idle", "Enter", "00"],
  ["Sync_Error_99_x", "Sync", "Error", "99"],
  ["Download_Enter_05_ask-the-user.sh", "Download", "Enter", "05"],
  ["ArtifactInstall_Leave_10_Enter_20", "ArtifactInstall", "Leave", "10"],
  ["ArtifactReboot_Enter_01", "ArtifactReboot", "Enter", "01"],
  ["ArtifactCommit_Enter_01_größe", "ArtifactCommit", "Enter", "01"],
  ["ArtifactRollback_Enter_01", "ArtifactRollback", "Enter", "01"],
  ["ArtifactRollbackReboot_Enter_01", "ArtifactRollbackReboot", "Enter", "01"],
  ["ArtifactFailure_Leave_01__", "ArtifactFailure", "Leave", "01"],
];
for (const [name, state, action, order] of NAMES) {
  test(`${name} runs in ${state}, ${action}`, () => {
    expect(parseScriptName(name)).toEqual({ state, action, order });
  });
}

const NO_SCRIPTS = [
  "version",
  "ArtifactInstall_Enter_1",
  "ArtifactInstall_Enter_001",
  "ArtifactInstall_Enter_xx",
  "ArtifactInstall_Enter_01_",
  "ArtifactInstall_Enter_01x",
  "ArtifactInstall_Enter_01~",
  "ArtifactInstall_Enter_01.bak",
  "ArtifactInstall_Enter_01_with space",
  "ArtifactInstall_Enter_01_x\n",
  "ArtifactInstall_Enter_01\n",
  ".ArtifactInstall_Enter_01_x.swp",
  "artifactinstall_enter_01",
  "ArtifactVerifyReboot_Enter_01",
  "ArtifactInstall_Exit_01",
  "xArtifactInstall_Enter_01",
  "",
];
for (const name of NO_SCRIPTS) {
  test(`${JSON.stringify(name)} is not the name of a state script`, () => {
    expect(parseScriptName(name)).toBeUndefined();
  });
}

test("Idle, Sync and Download belong to the root filesystem, all others to the Artifact", () => {
  const states = Object.keys(SET_POLICY) as ScriptState[];
  expect(states).toHaveLength(9);
  expect(states.filter((state) => originOf(state) === "rootfs")).toEqual(["Idle", "Sync", "Download"]);
});

const file = (name: string): FolderEntry => ({ name, isFile: true, isExecutable: true });

test("scripts run in the order of the bytes of their names", () => {
  const inOrder = [
    "ArtifactInstall_Enter_05_B",
    "ArtifactInstall_Enter_05_b",
    "ArtifactInstall_Enter_05_c",
    "ArtifactInstall_Enter_05_c1",
    "ArtifactInstall_Enter_05_é",
    "ArtifactInstall_Enter_05_\uffee",
    "ArtifactInstall_Enter_05_\u{1f600}",
    "ArtifactInstall_Enter_09",
    "ArtifactInstall_Enter_10",
    "ArtifactInstall_Enter_10_a",
  ];
  const shuffled = [...inOrder].reverse().map(file);
  expect(scriptSet(shuffled, "ArtifactInstall", "Enter").run).toEqual(inOrder);
});

test("only the scripts of exactly this state and action run", () => {
  const entries = [
    "ArtifactRollbackReboot_Enter_00",
    "ArtifactRollback_Enter_01",
    "ArtifactRollback_Leave_00",
    "ArtifactRollback_Error_00",
    "ArtifactRollback_Enter_0",
    "version",
  ];
  expect(scriptSet(entries.map(file), "ArtifactRollback", "Enter")).toEqual({
    run: ["ArtifactRollback_Enter_01"],
    notExecutable: [],
  });
});

test("folders never run, and a script that is not executable is reported", () => {
  const entries = [
    { name: "Download_Enter_00", isFile: false, isExecutable: true },
    { name: "Download_Enter_01", isFile: true, isExecutable: false },
    file("Download_Enter_02"),
  ];
  expect(scriptSet(entries, "Download", "Enter")).toEqual({
    run: ["Download_Enter_02"],
    notExecutable: ["Download_Enter_01"],
  });
});

for (const version of [undefined, "2", "3", "3\n", "\t 2 \r\n"]) {
  test(`a version file with ${JSON.stringify(version) ?? "nothing, because it is missing,"} is accepted`, () => {
    expect(() => checkVersion("/scripts", version)).not.toThrow();
  });
}
for (const version of ["", "1", "4", "3.0", "03", "three", "3 3"]) {
  test(`a version file with ${JSON.stringify(version)} is refused`, () => {
    expect(() => checkVersion("/scripts", version)).toThrow(
      expect.objectContaining({ code: "SCRIPT_VERSION", detail: { folder: "/scripts", version, supported: "2,3" } }),
    );
  });
}

test("a set stops at the first failure exactly where the update can still be called off", () => {
  const stopping = Object.entries(SET_POLICY).flatMap(([state, actions]) =>
    Object.entries(actions).flatMap(([action, policy]) => (policy === "stop" ? [`${state}_${action}`] : [])),
  );
  expect(stopping).toEqual([
    "Sync_Enter",
    "Sync_Leave",
    "Download_Enter",
    "Download_Leave",
    "ArtifactInstall_Enter",
    "ArtifactInstall_Leave",
    "ArtifactReboot_Enter",
    "ArtifactReboot_Leave",
    "ArtifactCommit_Enter",
    "ArtifactCommit_Leave",
  ]);
});
