import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import * as z from "zod/mini";
import { loadImageBoard, parseImageBoard } from "../../image/board/load.ts";
import { BoardSchema } from "../../image/board/schema.ts";
import { layoutOf } from "../../image/layout.ts";
import { AgentError } from "../../src/errors/agent-error.ts";

const BOARD = `name: test-board
deviceType: test
console: ttyS0
disk:
  label: dos
  alignment: 4M
  device: /dev/sda
partitions:
  - { role: boot, size: 16M }
  - { role: rootfsA, size: 32M }
  - { role: rootfsB, size: 32M }
  - role: data
    size: 16M
    files:
      - { to: hello, text: hi }
bootloader:
  kind: none
`;

function problemOf(text: string): unknown {
  try {
    parseImageBoard(text, "board.yaml");
    return undefined;
  } catch (error) {
    return error instanceof AgentError ? { code: error.code, ...error.detail } : error;
  }
}

const UBOOT = "kind: u-boot\n  environment: { variables: env.txt, size: 128K, offsets: [1M, 2M] }";
const DISK = BOARD.slice(BOARD.indexOf("disk:"), BOARD.indexOf("partitions:"));

type Mistake = readonly [title: string, right: string, wrong: string, line: number, key: string, reason: RegExp];
const MISTAKES: readonly Mistake[] = [
  ["no YAML", "name: test-board", "name: [", 2, "", /./],
  ["a misspelt key", "  device: /dev/sda", "  devise: /dev/sda", 7, "disk.devise", /unknown key/],
  ["an unknown key", "console: ttyS0", "consol: ttyS0", 3, "consol", /unknown key/],
  ["an unknown key of a partition", "size: 16M }", "size: 16M, sise: 1 }", 9, "partitions.0.sise", /unknown key/],
  ["no size", "size: 16M\n", "size: big\n", 13, "partitions.3.size", /8M/],
  ["an unknown role", "role: boot,", "role: bot,", 9, "partitions.0.role", /boot or bootA/],
  ["an unknown boot loader", "kind: none", "kind: lilo", 17, "bootloader.kind", /./],
  ["two partitions with one role", "role: boot,", "role: data,", 12, "partitions.3.role", /two partitions/],
  ["no slot B", "role: rootfsB,", "role: extra,", 8, "partitions", /rootfsB/],
  ["slots of different sizes", "rootfsB, size: 32M", "rootfsB, size: 36M", 11, "partitions.2.size", /rootfsA/],
  ["a size that is not aligned", "size: 16M }", "size: 15M }", 9, "partitions.0.size", /multiple of the alignment/],
  ["a disk that is too small", "alignment: 4M", "size: 64M", 6, "disk.size", /do not fit/],
  [
    "an environment in a partition",
    "kind: none",
    UBOOT.replace("2M", "8M"),
    18,
    "bootloader.environment.offsets.1",
    /overlaps the partition boot/,
  ],
  [
    "copies that overlap",
    "kind: none",
    UBOOT.replace("2M", "1088K"),
    18,
    "bootloader.environment.offsets.1",
    /overlaps/,
  ],
  [
    "neither offsets nor files",
    "kind: none",
    UBOOT.replace(", offsets: [1M, 2M]", ""),
    18,
    "bootloader.environment",
    /offsets and files/,
  ],
  ["neither text nor source", ", text: hi", "", 15, "partitions.3.files.0", /from and text/],
  ["a path that leaves the partition", "to: hello", "to: ../hello", 15, "partitions.3.files.0.to", /\.\./],
  ["tryboot without its partitions", "kind: none", "kind: rpi-tryboot", 8, "partitions", /bootA/],
  ["neither disk nor ubi", DISK, "", 1, "(top)", /disk and ubi/],
];

describe("board files", () => {
  test.each(MISTAKES)(
    "a board file with %s is refused, and the message names line and key",
    (_, right, wrong, line, key, reason) => {
      expect(BOARD).toContain(right);
      const problem = problemOf(BOARD.replace(right, wrong)) as Record<string, unknown>;
      expect(problem).toMatchObject({ code: "BOARD_FILE_INVALID", file: "board.yaml", line, ...(key && { key }) });
      expect(problem["reason"]).toMatch(reason);
    },
  );

  test("a file that does not exist", () => {
    expect(() => loadImageBoard("/nowhere/board.yaml")).toThrow(
      expect.objectContaining({ code: "BOARD_FILE_INVALID" }),
    );
  });
});

test("a mistake in a board file is reported with its line and its key", () => {
  const problem = problemOf(BOARD.replace("rootfsB, size: 32M", "rootfsB, size: 36M"));
  expect(problem).toMatchObject({ file: "board.yaml", line: 11, key: "partitions.2.size" });
});

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

/** The keys of a schema, such as `partitions[].size`. */
function keysOf({ properties = {}, items, anyOf = [], oneOf = [] }: Schema, path = ""): readonly string[] {
  const below = Object.entries(properties).flatMap(([key, schema]) => {
    const own = path === "" ? key : `${path}.${key}`;
    const inner = keysOf(schema, own);
    return inner.length === 0 ? [own] : inner;
  });
  const inList = items === undefined ? [] : keysOf(items, `${path}[]`);
  return [...below, ...inList, ...[...anyOf, ...oneOf].flatMap((schema) => keysOf(schema, path))];
}

test("the guide describes every key of a board file", async () => {
  const page = await readFile("docs/guides/images.md", "utf8");
  const schema = z.toJSONSchema(BoardSchema, { io: "input", unrepresentable: "any" }) as Schema;
  const keys = new Set(keysOf(schema));
  expect(keys.size).toBeGreaterThan(40);
  const isDescribed = (key: string): boolean => {
    const [, list, name] = /^(.*files\[\])\.(.+)$/.exec(key) ?? [];
    return list === undefined
      ? page.includes(`\`${key}\``)
      : page.includes(`\`${list}\``) && page.includes(`\`${name}\``);
  };
  expect([...keys].filter((key) => !isDescribed(key))).toEqual([]);
});

test("sizes have units of 1024, and identifiers depend only on the name of the board", async () => {
  const board = parseImageBoard(BOARD, "board.yaml");
  const [boot] = layoutOf(board).partitions;
  expect(boot).toMatchObject({ startBytes: 4 * 1024 ** 2, size: 16 * 1024 ** 2, node: "/dev/sda1" });
  expect(layoutOf(parseImageBoard(BOARD.replace("16M }", "20M }"), "other.yaml")).id).toBe(layoutOf(board).id);
  expect(layoutOf(parseImageBoard(BOARD.replace("test-board", "other"), "board.yaml")).id).not.toBe(layoutOf(board).id);
});

test("a DOS disk with more than four partitions continues with logical ones from number 5", async () => {
  const board = parseImageBoard(await readFile("image/boards/raspberrypi.yaml", "utf8"), "raspberrypi.yaml");
  expect(layoutOf(board).partitions.map(({ number, node }) => [number, node])).toEqual([
    [1, "/dev/mmcblk0p1"],
    [2, "/dev/mmcblk0p2"],
    [3, "/dev/mmcblk0p3"],
    [5, "/dev/mmcblk0p5"],
    [6, "/dev/mmcblk0p6"],
    [7, "/dev/mmcblk0p7"],
  ]);
});
