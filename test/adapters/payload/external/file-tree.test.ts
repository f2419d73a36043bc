import { existsSync } from "node:fs";
import { lstat, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { expect, test } from "vitest";
import { diskActs } from "../../../../adapters/files/disk.ts";
import type { FileActs } from "../../../../src/ports/files.ts";
import type { PayloadContext } from "../../../../src/ports/payload-handler.ts";
import { CONTEXT, type ModuleRig, never, payloadOf, TAKE_ALL, withModule } from "./module-rig.ts";

const HEADER_INFO = `{
  "payloads": [
    {
      "type": "test-module"
    }
  ],
  "unknown key": [
    1.5,
    null
  ]
}`;

test("the tree holds what the protocol says, in private files and folders", async () => {
  await withModule("", async (rig) => {
    await rig.handler.prepare?.(CONTEXT, never);
    expect(await contentOf(rig.tree)).toEqual({
      version: "600 3\n",
      current_artifact_name: "600 release-1\n",
      current_artifact_group: "600 alpha\n",
      current_device_type: "600 board\n",
      header: "700",
      "header/artifact_name": "600 release-2",
      "header/artifact_group": "600 beta",
      "header/payload_type": "600 test-module",
      "header/header-info": `600 ${HEADER_INFO}`,
      "header/type-info": '600 {\n  "type": "test-module"\n}',
      "header/meta-data": '600 {\n  "dest": "/opt",\n  "list": [\n    "ä"\n  ]\n}',
      tmp: "700",
    });
    expect((await lstat(rig.tree)).mode & 0o7777).toBe(0o700);
  });
});

test("what is not there is an empty file, and no meta-data is null", async () => {
  const { artifactGroup: _group, metaData: _data, ...rest } = CONTEXT;
  const bare = { ...rest, texts: { headerInfo: "{}", typeInfo: "{}" } };
  const device = async () => ({ artifactName: "", deviceType: "board" });
  await withModule(
    "",
    async (rig) => {
      await rig.handler.prepare?.(bare satisfies PayloadContext, never);
      const content = await contentOf(rig.tree);
      for (const name of ["current_artifact_name", "current_artifact_group", "header/artifact_group"]) {
        expect(content[name], name).toBe("600 ");
      }
      expect(content["header/meta-data"]).toBe("600 null");
    },
    { device },
  );
});

test("large documents of the header stay as they are written, and are not laid out", async () => {
  const nested = `{"a":${"[".repeat(90)}${Array.from({ length: 40_000 }, () => 0).join()}${"]".repeat(90)}}`;
  const bytes = Buffer.from(nested);
  const context: PayloadContext = {
    ...CONTEXT,
    texts: { headerInfo: nested, typeInfo: nested },
    metaDataSource: { sizeBytes: bytes.length, pieces: () => [bytes.subarray(0, 70_000), bytes.subarray(70_000)] },
  };
  await withModule("", async (rig) => {
    await rig.handler.prepare?.(context, never);
    const content = await contentOf(rig.tree);
    for (const name of ["meta-data", "header-info", "type-info"])
      expect(content[`header/${name}`]).toBe(`600 ${nested}`);
  });
});

test("a download begins with a new tree, whatever an earlier update left", async () => {
  await withModule("", async (rig) => {
    for (const left of [rig.tree, `${rig.tree}.new`, `${rig.tree}.old`]) {
      await mkdir(join(left, "files"), { recursive: true });
      await writeFile(join(left, "files/old"), "old");
    }
    await rig.handler.prepare?.(CONTEXT, never);
    expect(existsSync(rig.inTree("files"))).toBe(false);
    expect(await readdir(join(rig.tree, ".."))).toEqual(["tree"]);
  });
});

test("the tree stays as the module leaves it, from call to call, and goes after Cleanup", async () => {
  await withModule("ArtifactInstall) echo kept > tmp/kept ;;\nArtifactCommit|Cleanup) cat tmp/kept ;;", async (rig) => {
    await rig.download(payloadOf([{ name: "a", content: "x" }]));
    await rig.handler.act("ArtifactInstall", never);
    await rig.handler.act("ArtifactCommit", never);
    await rig.handler.act("Cleanup", never);
    expect(rig.logged).toEqual(Array(2).fill("info: Update Module output (stdout): kept"));
    expect(await readdir(join(rig.tree, ".."))).toEqual([]);
  });
});

test("a Cleanup that fails still removes the tree, and so does a Cleanup without its module", async () => {
  await withModule("Cleanup) exit 1 ;;", async (rig) => {
    await rig.handler.prepare?.(CONTEXT, never);
    await expect(rig.handler.act("Cleanup", never)).rejects.toMatchObject({ code: "MODULE_FAILED" });
    expect(existsSync(rig.tree)).toBe(false);
  });
  await withModule(
    "",
    async (rig) => {
      await mkdir(rig.tree, { recursive: true });
      await expect(rig.handler.act("Cleanup", never)).rejects.toMatchObject({ code: "MODULE_MISSING" });
      expect(existsSync(rig.tree)).toBe(false);
    },
    { modulesFolder: "/nonexistent" },
  );
});

const WITHOUT_TREE = [
  "ArtifactInstall",
  "ArtifactVerifyReboot",
  "ArtifactCommit",
  "ArtifactRollback",
  "ArtifactFailure",
] as const;

test("without a tree every call fails before the module runs, except Cleanup, which has nothing to do", async () => {
  await withModule("", async (rig) => {
    const missing = { code: "MODULE_TREE_MISSING" };
    for (const action of WITHOUT_TREE) await expect(rig.handler.act(action, never)).rejects.toMatchObject(missing);
    await expect(rig.handler.needsReboot(never)).rejects.toMatchObject(missing);
    await expect(rig.handler.supportsRollback(never)).rejects.toMatchObject(missing);
    await expect(rig.handler.download(payloadOf([]), never)).rejects.toMatchObject(missing);
    await rig.handler.act("Cleanup", never);
    expect(await rig.calls()).toEqual([]);
  });
});

const TAKEOVER: readonly (readonly [string, (rig: ModuleRig) => Promise<unknown>])[] = [
  ["ArtifactVerifyReboot", (rig) => rig.handler.act("ArtifactVerifyReboot", never)],
  ["ArtifactCommit", (rig) => rig.handler.act("ArtifactCommit", never)],
  ["SupportsRollback", (rig) => rig.handler.supportsRollback(never)],
  ["ArtifactRollback", (rig) => rig.handler.act("ArtifactRollback", never)],
];

test.each(TAKEOVER)("a rootfs-image that another agent has installed gets a small tree at %s", async (name, call) => {
  await withModule(
    "",
    async (rig) => {
      await call(rig);
      expect(await rig.calls()).toEqual([name]);
      expect(Object.keys(await contentOf(rig.tree)).sort()).toEqual(
        ["current_artifact_group", "current_artifact_name", "current_device_type", "tmp", "version"].sort(),
      );
    },
    { type: "rootfs-image" },
  );
});

test("a rootfs-image that has not been downloaded is not installed from a small tree", async () => {
  await withModule(
    "",
    async (rig) => {
      const install = rig.handler.act("ArtifactInstall", never);
      await expect(install).rejects.toMatchObject({ code: "MODULE_TREE_MISSING" });
    },
    { type: "rootfs-image" },
  );
});

test("a tree that cannot be made fails by name", async () => {
  await withModule("", async (rig) => {
    await writeFile(join(rig.folder, "data/modules"), "a file");
    await expect(rig.handler.prepare?.(CONTEXT, never)).rejects.toMatchObject({
      code: "MODULE_TREE_IO",
      detail: { tree: rig.tree },
    });
  });
});

/** Records the acts, and which files and folders each sync has made durable. */
function recording(record: string[], root: () => string): FileActs {
  const named = (path: string): string => relative(root(), path);
  return {
    ...diskActs,
    async writeSynced(path, text, mode) {
      await diskActs.writeSynced(path, text, mode);
      record.push(`write ${named(path)}`);
    },
    async storeSynced(path, read, mode) {
      await diskActs.storeSynced(path, read, mode);
      record.push(`store ${named(path)}`);
    },
    async rename(from, to) {
      await diskActs.rename(from, to);
      record.push(`rename ${named(from)} ${named(to)}`);
    },
    async syncFolder(path) {
      await diskActs.syncFolder(path);
      record.push(`sync ${named(path)}`);
    },
  };
}

test("all of the tree is durable before the module is called, and appears and goes at once", async () => {
  const record: string[] = [];
  let folder = "";
  const acts = recording(record, () => folder);
  await withModule(
    "",
    async (rig) => {
      folder = rig.folder;
      await rig.handler.prepare?.(CONTEXT, never);
      const parent = "data/modules/v3/payloads/0000";
      const tree = `${parent}/tree`;
      expect(record).toEqual([
        "sync data/modules/v3/payloads",
        "sync data/modules/v3",
        "sync data/modules",
        "sync data",
        ...["version", "current_artifact_name", "current_artifact_group", "current_device_type"].map(
          (name) => `write ${tree}.new/${name}`,
        ),
        `sync ${tree}.new`,
        ...["artifact_name", "artifact_group", "payload_type", "header-info", "type-info", "meta-data"].map(
          (name) => `write ${tree}.new/header/${name}`,
        ),
        `sync ${tree}.new/header`,
        `sync ${tree}.new`,
        `rename ${tree}.new ${tree}`,
        `sync ${parent}`,
      ]);
      record.length = 0;
      await rig.handler.download(payloadOf([{ name: "a", content: "x" }]), never);
      expect(record).toEqual([`store ${tree}/files/a`, `sync ${tree}/files`, `sync ${tree}`]);
      record.length = 0;
      await rig.handler.act("Cleanup", never);
      expect(record).toEqual([`rename ${tree} ${tree}.old`, `sync ${parent}`]);
    },
    { acts },
  );
});

test("a second download finds the folders there and syncs only what it changes", async () => {
  const record: string[] = [];
  let folder = "";
  const acts = recording(record, () => folder);
  await withModule(
    `Download) ${TAKE_ALL} ;;`,
    async (rig) => {
      folder = rig.folder;
      await rig.download(payloadOf([]));
      await rig.handler.act("Cleanup", never);
      record.length = 0;
      await rig.download(payloadOf([]));
      expect(record.at(-1)).toBe("sync data/modules/v3/payloads/0000");
    },
    { acts },
  );
});

/** Mode and text of every file, mode of every folder, by path within `folder`. */
async function contentOf(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true });
  const found = entries.map(async (name) => {
    const path = join(folder, name);
    const status = await lstat(path);
    const mode = (status.mode & 0o7777).toString(8);
    return [name, status.isDirectory() ? mode : `${mode} ${await readFile(path, "utf8")}`] as const;
  });
  return Object.fromEntries(await Promise.all(found));
}
