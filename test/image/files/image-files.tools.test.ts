import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ImageFiles } from "../../../image/files/image-files.ts";
import { openImageFiles } from "../../../image/files/open-files.ts";
import type { Place } from "../../../image/files/place.ts";
import { follow, insertion, readImageFile, removal } from "../../../image/files/trees.ts";

const MIB = 1024 * 1024;
const signal = new AbortController().signal;
const ROOT = { uid: 0, gid: 0 };
const run = (program: string, ...args: readonly string[]): string =>
  execFileSync(program, args, {
    encoding: "utf8",
    env: { PATH: `${process.env["PATH"]}:/usr/sbin`, DEBUGFS_PAGER: "__none__", LC_ALL: "C.UTF-8" },
    stdio: ["ignore", "pipe", "ignore"],
  });

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "switchback-image-files-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let made = 0;
const fileWith = (content: string | Uint8Array): string => {
  const path = join(folder, `file-${made++}`);
  writeFileSync(path, content);
  return path;
};

/** A new ext4 file system, at the start of a file or behind other data. */
function makeExt(offset: number, options: readonly string[] = [], sizeMiB = 8): Place {
  const tree = join(folder, `tree-${made++}`);
  mkdirSync(join(tree, "usr/bin"), { recursive: true });
  mkdirSync(join(tree, "etc"));
  writeFileSync(join(tree, "etc/hostname"), "board\n", { mode: 0o644 });
  symlinkSync("usr/bin", join(tree, "bin"));
  symlinkSync("/etc/../etc/hostname", join(tree, "usr/name"));
  symlinkSync(`${"../usr/".repeat(20)}../etc/hostname`, join(tree, "usr/long"));
  const path = fileWith(Buffer.alloc(offset, 7));
  truncateSync(path, offset + sizeMiB * MIB);
  run("mke2fs", "-q", "-F", "-t", "ext4", ...options, "-E", `offset=${offset}`, "-d", tree, path, `${sizeMiB}M`);
  return { path, offset, size: sizeMiB * MIB };
}

function makeFat(offset: number): Place {
  const path = fileWith(Buffer.alloc(offset, 7));
  truncateSync(path, offset + 4 * MIB);
  run("mkfs.vfat", "--offset", String(offset / 512), path, String((4 * MIB) / 1024));
  return { path, offset, size: 4 * MIB };
}

const textOf = async (files: ImageFiles, path: string): Promise<string | undefined> =>
  (await readImageFile(files, path, MIB, signal))?.toString();

describe.each([0, MIB])("ext4 at byte %i", (offset) => {
  test("files are written, read, listed and removed with their mode and owner, and the rest stays", async () => {
    const place = makeExt(offset);
    const before = run("dumpe2fs", "-h", `${place.path}?offset=${offset}`);
    const files = await openImageFiles(place);
    const content = Buffer.alloc(300_000, "0123456789abcdef");
    await files.change(
      [
        { act: "write", path: "/bin/tool", from: fileWith(content), mode: 0o4755, uid: 1000, gid: 70_000 },
        { act: "folder", path: "/etc/new", mode: 0o750, ...ROOT },
        { act: "write", path: "/etc/new/a", from: fileWith("a"), mode: 0o600, ...ROOT },
        { act: "link", path: "/etc/new/b", target: "../hostname" },
        { act: "write", path: "/etc/hostname", from: fileWith("other\n"), mode: 0o644, ...ROOT },
      ],
      signal,
    );
    expect(await files.look("/usr/bin/tool", signal)).toEqual({
      ...{ name: "tool", kind: "file", mode: 0o4755, uid: 1000, gid: 70_000, size: 300_000 },
    });
    expect((await readImageFile(files, "/bin/tool", MIB, signal))?.equals(content)).toBe(true);
    expect((await files.list("/etc/new", signal)).map(({ name, kind, mode }) => [name, kind, mode])).toEqual([
      ["a", "file", 0o600],
      ["b", "link", 0o777],
    ]);
    expect((await files.look("/etc/new", signal))?.mode).toBe(0o750);
    for (const link of ["/etc/new/b", "/usr/name", "/usr/long"])
      expect(await textOf(files, link), link).toBe("other\n");
    expect((await follow(files, "/bin", signal))?.path).toBe("/usr/bin");
    await files.check(signal);

    await files.change(await removal(files, "/etc/new", signal), signal);
    await files.change(
      [
        { act: "remove", path: "/bin/tool" },
        { act: "remove", path: "/bin" },
      ],
      signal,
    );
    expect(await files.look("/etc/new", signal)).toBeUndefined();
    expect(await textOf(files, "/etc/hostname")).toBe("other\n");
    await files.check(signal);
    const free = (text: string): string | undefined => /Free blocks: +(\d+)/.exec(text)?.[1];
    expect(free(run("dumpe2fs", "-h", `${place.path}?offset=${offset}`))).toBe(free(before));
    expect(
      readFileSync(place.path)
        .subarray(0, offset)
        .every((byte) => byte === 7),
    ).toBe(true);
  });
});

test.each(['it\'s "quoted" \\ $(x) *', " blank ", "<12>", "#hash", "-p", "ä ü 漢", 'ends"', "[a]?"])(
  "ext4 takes the name %j literally, on both sides",
  async (name) => {
    const place = makeExt(0);
    const files = await openImageFiles(place);
    const host = join(folder, `host-${made++}`);
    mkdirSync(join(host, name), { recursive: true });
    writeFileSync(join(host, name, name), name);
    await files.change(await insertion(host, "/etc/put"), signal);
    expect(await textOf(files, `/etc/put/${name}/${name}`)).toBe(name);
    await files.change(await removal(files, `/etc/put/${name}`, signal), signal);
    expect(await files.list("/etc/put", signal)).toEqual([]);
    await files.check(signal);
  },
);

test("what the tools cannot name, or what is not there, is refused by name, and nothing changes", async () => {
  const place = makeExt(0);
  const files = await openImageFiles(place);
  const before = readFileSync(place.path);
  const from = fileWith("x");
  const write = (path: string) => ({ act: "write", path, from, mode: 0o644, ...ROOT }) as const;
  const refusals = [
    [[write("/etc/a\nrm /etc/hostname")], "IMAGE_PATH"],
    [[write(`/etc/${"n".repeat(256)}`)], "IMAGE_PATH"],
    [[{ ...write("/etc/x"), from: "/tmp/a\nb" }], "IMAGE_PATH"],
    [[write("/nowhere/file")], "IMAGE_FILE_MISSING"],
    [[write("/etc/hostname/file")], "IMAGE_FILE_KIND"],
    [[write("/etc")], "IMAGE_FILE_KIND"],
    [[write("/")], "IMAGE_FILE_KIND"],
    [[write("/etc/good"), { act: "remove", path: "/etc/missing" }], "IMAGE_FILE_MISSING"],
    [[{ act: "folder", path: "/etc/hostname", mode: 0o755, ...ROOT }], "IMAGE_FILE_KIND"],
  ] as const;
  for (const [changes, code] of refusals) {
    await expect(files.change(changes, signal), JSON.stringify(changes)).rejects.toMatchObject({ code });
  }
  await expect(files.list("/nowhere", signal)).rejects.toMatchObject({ code: "IMAGE_FILE_MISSING" });
  expect(readFileSync(place.path).equals(before)).toBe(true);
  await expect(files.change([{ ...write("/etc/x"), from: "/nowhere" }], signal)).rejects.toMatchObject({
    code: "IMAGE_TOOL_FAILED",
  });
  await expect(files.change([{ act: "remove", path: "/etc" }], signal)).rejects.toMatchObject({
    code: "IMAGE_TOOL_FAILED",
    detail: { stderr: expect.stringMatching(/not empty/) },
  });
});

test("a full file system, a damaged one, an unknown one and a missing one have errors of their own", async () => {
  const place = makeExt(0, [], 1);
  const files = await openImageFiles(place);
  const from = fileWith(Buffer.alloc(2 * MIB, 1));
  const big = { act: "write", path: "/etc/big", from, mode: 0o644, ...ROOT } as const;
  await expect(files.change([big], signal)).rejects.toMatchObject({ code: "IMAGE_FULL" });
  await expect(openImageFiles({ ...place, path: fileWith("no image") })).rejects.toMatchObject({
    code: "IMAGE_FILE_SYSTEM",
    detail: { found: "unknown" },
  });
  await expect(openImageFiles({ ...place, path: join(folder, "none") })).rejects.toMatchObject({
    code: "IMAGE_UNREADABLE",
  });
  run("debugfs", "-w", "-R", "clri /etc", place.path);
  await expect(files.check(signal)).rejects.toMatchObject({ code: "IMAGE_DAMAGED" });
});

test("a replaced file of a hashed folder, a file with holes and extended attributes leave a clean file system", async () => {
  const place = makeExt(0, ["-b", "1024", "-N", "3000"]);
  const files = await openImageFiles(place);
  const host = join(folder, "many");
  mkdirSync(host);
  for (let index = 0; index < 1500; index += 1) writeFileSync(join(host, `file-with-a-long-name-${index}`), "");
  const holes = fileWith("begin");
  truncateSync(holes, 3 * MIB);
  await files.change(await insertion(host, "/etc/many"), signal);
  run("e2fsck", "-fyD", place.path);
  run("debugfs", "-w", "-R", "ea_set /etc/hostname security.selinux system_u:object_r:etc_t", place.path);
  await files.change(
    [
      { act: "remove", path: "/etc/many/file-with-a-long-name-700" },
      { act: "write", path: "/etc/many/new", from: fileWith("new"), mode: 0o644, ...ROOT },
      { act: "write", path: "/etc/holes", from: holes, mode: 0o644, ...ROOT },
    ],
    signal,
  );
  await files.check(signal);
  expect(run("debugfs", "-R", "ea_list /etc/hostname", place.path)).toContain("system_u:object_r:etc_t");
  expect(Number(/Blockcount: (\d+)/.exec(run("debugfs", "-R", "stat /etc/holes", place.path))?.[1])).toBeLessThan(16);
  expect((await files.list("/etc/many", signal)).length).toBe(1500);
});

test("a missing tool is named with its package", async () => {
  const fat = await openImageFiles(makeFat(0));
  const path = process.env["PATH"];
  // debugfs and e2fsck are in folders that are always searched.
  process.env["PATH"] = folder;
  try {
    await expect(fat.list("/", signal)).rejects.toMatchObject({
      code: "IMAGE_TOOL_MISSING",
      detail: { program: "mdir", package: "mtools" },
    });
  } finally {
    process.env["PATH"] = path;
  }
});

describe.each([0, MIB])("FAT at byte %i", (offset) => {
  test("files are written, read, listed and removed, and what FAT lacks is refused by name", async () => {
    const place = makeFat(offset);
    const files = await openImageFiles(place);
    const content = Buffer.alloc(100_000, "fat");
    const write = (path: string) => ({ act: "write", path, from: fileWith(content), mode: 0o600, ...ROOT }) as const;
    await files.change(
      [
        { act: "folder", path: "/EFI", mode: 0o755, ...ROOT },
        { act: "folder", path: "/EFI/boot dir", mode: 0o755, ...ROOT },
        write("/EFI/boot dir/ä long name.txt"),
        write("/CONFIG.TXT"),
      ],
      signal,
    );
    expect(await files.list("/", signal)).toEqual([
      { name: "EFI", kind: "folder", mode: 0o755, uid: 0, gid: 0, size: 0 },
      { name: "CONFIG.TXT", kind: "file", mode: 0o644, uid: 0, gid: 0, size: 100_000 },
    ]);
    await files.change([{ ...write("/config.txt"), from: fileWith("new") }], signal);
    expect(await textOf(files, "/Config.txt")).toBe("new");
    const long = await readImageFile(files, "/EFI/boot dir/ä long name.txt", MIB, signal);
    expect(long?.equals(content)).toBe(true);
    for (const [change, code] of [
      [write("/nowhere/a"), "IMAGE_FILE_MISSING"],
      [write("/EFI"), "IMAGE_FILE_KIND"],
      [write("/a*b"), "IMAGE_PATH"],
      [{ act: "link", path: "/link", target: "EFI" }, "IMAGE_FILE_KIND"],
      [{ act: "remove", path: "/nowhere" }, "IMAGE_FILE_MISSING"],
      [{ act: "remove", path: "/EFI" }, "IMAGE_TOOL_FAILED"],
      [{ ...write("/big"), from: fileWith(Buffer.alloc(5 * MIB)) }, "IMAGE_FULL"],
    ] as const) {
      await expect(files.change([change], signal), JSON.stringify(change)).rejects.toMatchObject({ code });
    }
    await files.change(await removal(files, "/EFI", signal), signal);
    expect(await files.look("/EFI", signal)).toBeUndefined();
    const whole = fileWith(readFileSync(place.path).subarray(offset));
    expect(run("fsck.vfat", "-n", whole)).toContain("files");
    expect(
      readFileSync(place.path)
        .subarray(0, offset)
        .every((byte) => byte === 7),
    ).toBe(true);
  });
});
