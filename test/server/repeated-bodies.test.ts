import { expect, test } from "vitest";
import { z } from "zod";
import { RepeatedBodies } from "../../server/api/repeated-bodies.ts";

const route = { schema: z.object({ name: z.string() }), httpPart: "body", method: "POST", url: "/" };

test("a body that was valid is shared, and one that was not, or is long, is checked each time", () => {
  const bodies = new RepeatedBodies();
  const check = bodies.compileCheck(route as never);
  const send = (text: string): unknown => {
    const known = bodies.find(text);
    const parsed: unknown = known ?? JSON.parse(text);
    if (known === undefined) bodies.note(text, parsed);
    return check(parsed);
  };
  const [first, second] = [send('{"name":"a"}'), send('{"name":"a"}')] as { value: object }[];
  expect(first?.value).toEqual({ name: "a" });
  expect(second?.value).toBe(first?.value);
  for (let n = 0; n < 2; n += 1) expect(send('{"name":1}')).toHaveProperty("error");
  expect(bodies.find('{"name":1}')).toBeUndefined();
  const long = JSON.stringify({ name: "x".repeat(5000) });
  send(long);
  expect(bodies.find(long)).toBeUndefined();
});
