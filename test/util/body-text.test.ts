import { expect, test } from "vitest";
import { textOf } from "../../src/util/body-text.ts";

test("a character that is cut into two chunks comes out whole, also when the chunks share their memory", async () => {
  const memory = Buffer.alloc(1);
  async function* body(): AsyncGenerator<Uint8Array> {
    for (const byte of Buffer.from("é!")) {
      memory[0] = byte;
      yield memory;
    }
  }
  expect(await textOf(body(), 100)).toBe("é!");
});

test("no more is fetched than is wanted", async () => {
  let left = false;
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield Buffer.from("abc");
    } finally {
      left = true;
    }
  }
  expect(await textOf(endless(), 7)).toBe("abcabca");
  expect(left).toBe(true);
});
