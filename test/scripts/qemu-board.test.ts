import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { BOARD_NAMES, loadBoard, parseBoard } from "../../qemu/image/board.ts";

const VEXPRESS = "qemu/boards/vexpress-a9.yaml";

describe("a board file", () => {
  test.each(BOARD_NAMES)("of %s describes four partitions, aligned and one after the other", async (name) => {
    const { image, layout } = await loadBoard(name);
    const [boot, a, b, data] = layout.partitions;
    expect([boot, a, b, data].map((partition) => partition?.role)).toEqual(["boot", "rootfsA", "rootfsB", "data"]);
    expect(layout.partitions.map(({ startBytes }) => startBytes % (image.disk?.alignment ?? 0))).toEqual([0, 0, 0, 0]);
    expect(boot?.startBytes).toBe(image.disk?.start ?? image.disk?.alignment);
    expect(data?.startBytes).toBe((b?.startBytes ?? 0) + (b?.size ?? 0));
  });

  test.each([
    ["of the rig with a misspelt key", "memoryMiB: 512", "memoryMib: 512", /qemu:.*machine/s],
    ["of the rig with a size of the wrong type", "memoryMiB: 512", "memoryMiB: many", /machine\.memoryMiB/],
    ["of the image with partitions that do not fit", "rootfsA, size: 64M", "rootfsA, size: 128M", /not valid/],
  ])("part %s is refused", async (_, right, wrong, message) => {
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
