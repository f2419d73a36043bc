import { expect, test } from "vitest";
import { parseHeaderBlock } from "../../../src/artifact/tar/header-block.ts";
import { tar } from "../odd-artifacts.ts";

const SPELLINGS = {
  "six digits, NUL, space (GNU tar, Go)": (sum: string) => `${sum}\0 `,
  "six digits, space, NUL (tar-stream)": (sum: string) => `${sum} \0`,
  "seven digits, NUL": (sum: string) => `0${sum}\0`,
  "seven digits, space": (sum: string) => `0${sum} `,
};

const ODD = {
  "two spaces at the end": (sum: string) => `${sum}  `,
  "two NULs at the end": (sum: string) => `${sum}\0\0`,
  "a space in front": (sum: string) => ` ${sum.slice(1)}\0 `,
  "eight digits": (sum: string) => `00${sum}`,
};

function withChecksum(spell: (sum: string) => string): Buffer {
  const block = tar([{ name: "version", content: "3" }]).subarray(0, 512);
  const sum = block.toString("latin1", 148, 154);
  block.write(spell(sum), 148, "latin1");
  return block;
}

for (const [spelling, spell] of Object.entries(SPELLINGS)) {
  test(`reads a checksum of ${spelling}`, () => {
    expect(parseHeaderBlock(withChecksum(spell))).toEqual({ name: "version", size: 1, type: "0", modified: 0 });
  });
}

for (const [spelling, spell] of Object.entries(ODD)) {
  test(`refuses the right checksum in a spelling that no writer uses: ${spelling}`, () => {
    expect(() => parseHeaderBlock(withChecksum(spell))).toThrow(
      expect.objectContaining({ code: "ARTIFACT_TAR_HEADER" }),
    );
  });
}
