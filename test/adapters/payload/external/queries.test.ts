import { chmod, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { PayloadHandler } from "../../../../src/ports/payload-handler.ts";
import { CONTEXT, type ModuleRig, never, payloadOf, withModule } from "./module-rig.ts";

/** Asks each question by the method that asks it; `ProvidePayloadFileSizes` through the call that follows. */
const ASK = {
  SupportsRollback: (rig: ModuleRig) => rig.handler.supportsRollback(never),
  NeedsArtifactReboot: (rig: ModuleRig) => rig.handler.needsReboot(never),
  ProvidePayloadFileSizes: async (rig: ModuleRig) => {
    await rig.handler.download(payloadOf([]), never);
    return (await rig.calls()).at(-1);
  },
};

type Query = keyof typeof ASK;

const NONE: Readonly<Record<Query, unknown>> = {
  SupportsRollback: false,
  NeedsArtifactReboot: "No",
  ProvidePayloadFileSizes: "Download",
};
const QUERIES = Object.keys(NONE) as Query[];

const ANSWERS: readonly (readonly [Query, string, unknown])[] = [
  ...QUERIES.flatMap((query) =>
    ["", "echo No", "printf No", "echo", "echo No; echo of no interest >&2"].map(
      (commands) => [query, commands, NONE[query]] as const,
    ),
  ),
  ["SupportsRollback", "echo Yes", true],
  ["SupportsRollback", "printf Yes", true],
  ["NeedsArtifactReboot", "echo Yes", "Yes"],
  ["NeedsArtifactReboot", "echo Automatic", "Automatic"],
  ["ProvidePayloadFileSizes", "echo Yes", "DownloadWithFileSizes"],
];

test.each(ANSWERS)("%s: `%s` is an answer", async (query, commands, expected) => {
  await withModule(`${query}) ${commands === "" ? "true" : commands} ;;`, async (rig) => {
    await rig.handler.prepare?.(CONTEXT, never);
    expect(await ASK[query](rig)).toBe(expected);
  });
});

const NO_ANSWERS = [
  "echo yes",
  "echo YES",
  "echo 'Yes '",
  "echo ' Yes'",
  "printf 'Yes\\r\\n'",
  "echo Maybe",
  "echo Yes; echo Yes",
  "echo; echo Yes",
  "printf 'Yes\\n\\n'",
  "echo a line of a log; echo Yes",
  "printf '\\377\\376'",
  "seq 1 100000",
];

test.each([
  ...QUERIES.flatMap((query) => NO_ANSWERS.map((commands) => [query, commands] as const)),
  ["SupportsRollback", "echo Automatic"],
  ["ProvidePayloadFileSizes", "echo Automatic"],
] as const)("%s: `%s` is no answer", async (query, commands) => {
  await withModule(`${query}) ${commands} ;;`, async (rig) => {
    await rig.handler.prepare?.(CONTEXT, never);
    const detail = { module: "test-module", call: query };
    await expect(ASK[query](rig)).rejects.toMatchObject({ code: "MODULE_ANSWER", detail });
    expect(await rig.calls()).toEqual([query]);
  });
});

test.each(QUERIES)("%s of a module that fails is no answer either", async (query) => {
  await withModule(`${query}) echo Yes; exit 2 ;;`, async (rig) => {
    await rig.handler.prepare?.(CONTEXT, never);
    await expect(ASK[query](rig)).rejects.toMatchObject({ code: "MODULE_FAILED", detail: { exitCode: 2 } });
  });
});

test("what a module prints while it is asked is logged", async () => {
  await withModule("SupportsRollback) echo looking >&2; echo Yes ;;", async (rig) => {
    await rig.handler.prepare?.(CONTEXT, never);
    await rig.handler.supportsRollback(never);
    expect(rig.logged.sort()).toEqual([
      "debug: Update Module output (stdout): Yes",
      "info: Update Module output (stderr): looking",
    ]);
  });
});

const EVERY_CALL: readonly (readonly [string, (handler: PayloadHandler) => Promise<unknown> | undefined])[] = [
  ["prepare", (handler) => handler.prepare?.(CONTEXT, never)],
  ["act", (handler) => handler.act("ArtifactInstall", never)],
  ["needsReboot", (handler) => handler.needsReboot(never)],
  ["supportsRollback", (handler) => handler.supportsRollback(never)],
];

const NO_MODULES: readonly (readonly [string, (path: string) => Promise<void>])[] = [
  ["nothing is there", (path) => rm(path)],
  ["the file has no execute bit", (path) => chmod(path, 0o644)],
  ["it is a folder", (path) => rm(path).then(async () => void (await mkdir(path)))],
  ["it is a link to nowhere", (path) => rm(path).then(() => symlink("nowhere", path))],
];

test.each(NO_MODULES)("no module is found where %s", async (_, spoil) => {
  await withModule("", async (rig) => {
    await rig.handler.prepare?.(CONTEXT, never);
    await spoil(join(rig.folder, "modules", rig.type));
    for (const [name, call] of EVERY_CALL) {
      const expected = { code: "MODULE_MISSING", detail: { type: rig.type } };
      await expect(call(rig.handler), name).rejects.toMatchObject(expected);
    }
  });
});

test.each(["..", ".", "", "../calls", "a/b", "a\0b"])(
  "a payload type %j does not lead out of the folder of the modules",
  async (type) => {
    await withModule("", async (rig) => {
      const { createExternalHandler } = await import("../../../../adapters/payload/external/handler.ts");
      const { createChildProcess } = await import("../../../../adapters/process/child-process.ts");
      const device = async () => ({ artifactName: "a", deviceType: "b" });
      const parts = { modulesFolder: join(rig.folder, "modules"), tree: rig.tree, process: createChildProcess() };
      await writeFile(join(rig.folder, "calls"), "#!/bin/sh\n", { mode: 0o755 });
      const handler = createExternalHandler({ ...parts, type, device, log: () => undefined, timeoutMs: 1000 });
      await expect(handler.prepare?.(CONTEXT, never)).rejects.toMatchObject({ code: "MODULE_MISSING" });
    });
  },
);

test("a module that is no program is a failure of the call", async () => {
  await withModule("", async (rig) => {
    await rig.handler.prepare?.(CONTEXT, never);
    const module = join(rig.folder, "modules", rig.type);
    await writeFile(module, "#!/no/such/interpreter\n");
    const call = rig.handler.act("ArtifactInstall", never);
    await expect(call).rejects.toMatchObject({ code: "MODULE_FAILED", cause: { code: "PROCESS_MISSING" } });
  });
});

test("a module that an update replaces is the new one from the next call on", async () => {
  await withModule("ArtifactInstall) echo old > tmp/said ;;", async (rig) => {
    await rig.handler.prepare?.(CONTEXT, never);
    await rig.handler.act("ArtifactInstall", never);
    await rig.install("ArtifactCommit) echo new >> tmp/said ;;");
    await rig.handler.act("ArtifactCommit", never);
    expect(await readFile(rig.inTree("tmp/said"), "utf8")).toBe("old\nnew\n");
  });
});
