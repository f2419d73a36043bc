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
  expect(Object.isFrozen(first?.value)).toBe(true);
  for (let n = 0; n < 2; n += 1) expect(send('{"name":1}')).toHaveProperty("error");
  expect(bodies.find('{"name":1}')).toBeUndefined();
  const long = JSON.stringify({ name: "x".repeat(5000) });
  send(long);
  expect(bodies.find(long)).toBeUndefined();
});

test("what requests share cannot be changed, however deep it is", () => {
  const bodies = new RepeatedBodies<{ list: { a: number[] }[] }>();
  const schema = z.object({ list: z.array(z.object({ a: z.array(z.number()) })) });
  const check = bodies.compileCheck({ ...route, schema } as never);
  const parsed: unknown = JSON.parse('{"list":[{"a":[1]}]}');
  bodies.note("text", parsed);
  expect(check(parsed)).toEqual({ value: parsed });
  const shared = bodies.find("text");
  for (const change of [
    () => shared?.list.push({ a: [] }),
    () => Object.assign(shared?.list[0] ?? {}, { a: 2 }),
    () => shared?.list[0]?.a.push(2),
  ])
    expect(change).toThrow(TypeError);
  expect(shared).toEqual({ list: [{ a: [1] }] });
});
