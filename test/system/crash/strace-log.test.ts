import { expect, test } from "vitest";
import { parseStrace, unquote } from "./strace-log.ts";

test("a text that looks like the end of a call does not cut off a call that has not ended", () => {
  const [call, ...others] = parseStrace(
    '12 write(3</f>, "a) = 5 b", 8 <unfinished ...>\n12 <... write resumed>) = 8\n13 close(3</f>) = 0\n',
  );
  expect(others.map(({ name }) => name)).toEqual(["close"]);
  expect(call && unquote(call)).toBe("a) = 5 b");
  expect(call).toMatchObject({ began: 0, ended: 1, failed: false });
});
