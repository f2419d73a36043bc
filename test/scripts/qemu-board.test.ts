import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { partitionsOf } from "../../image/partitions.ts";
import { BOARD_NAMES, loadBoard, parseBoard } from "../../qemu/image/board.ts";

const VEXPRESS = "qemu/boards/vexpress-a9.yaml";

describe("a board file", () => {
  test.each(BOARD_NAMES)("of %s describes four partitions, aligned and one after the other", async (name) => {
    const board = await loadBoard(name);
    const partitions = partitionsOf(board.disk);
    expect(partitions.map((partition) => partition.name)).toEqual(["boot", "A", "B", "data"]);
    expect(partitions.map(({ startMiB }) => startMiB % board.disk.alignmentMiB)).toEqual([0, 0, 0, 0]);
    expect(partitions[0].startMiB).toBe(board.disk.firstPartitionMiB);
    expect(partitions[3].startMiB).toBe(partitions[2].startMiB + partitions[2].sizeMiB);
  });

  test.each([
    ["a misspelt key", "bootMiB: 16", "bootMib: 16", /disk.*bootMi|bootMib/s],
    ["a size of the wrong type", "memoryMiB: 512", "memoryMiB: many", /machine\.memoryMiB/],
    ["partitions that do not fit", "rootfsMiB: 64", "rootfsMiB: 128", /do not fit/],
    ["a partition that is not aligned", "bootMiB: 16", "bootMiB: 15", /multiple of alignmentMiB/],
    ["an unknown boot loader", "kind: u-boot", "kind: lilo", /bootloader/],
    ["no YAML at all", "name: vexpress-a9", "name: [", /vexpress-a9\.yaml/],
  ])("with %s is refused, and the message names the place", async (_, right, wrong, message) => {
    const text = await readFile(VEXPRESS, "utf8");
    expect(text).toContain(right);
    expect(() => parseBoard(text.replace(right, wrong), VEXPRESS)).toThrow(message);
  });

  test("has its first kernel where none is asked for, and another by its name", async () => {
    expect((await loadBoard("vexpress-a9")).kernel.kind).toBe("packaged");
    expect((await loadBoard("vexpress-a9", "small")).kernel.kind).toBe("compiled");
    await expect(loadBoard("vexpress-a9", "huge")).rejects.toThrow(
      "qemu/boards/vexpress-a9.yaml: no kernel huge; it has packaged, small",
    );
  });
});
