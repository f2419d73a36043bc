import { expect, test } from "vitest";
import { AgentError, describeError } from "../../src/errors/agent-error.ts";
import { packError, unpackError } from "../../src/errors/packed-error.ts";

const byWire = (error: unknown): Error => unpackError(JSON.parse(JSON.stringify(packError(error))));

test("an error that has gone to another process reads as before, with its causes, and says what to wait for", () => {
  const reset = new Error("read ECONNRESET");
  const refused = new AgentError("TRANSPORT_FAILED", { url: "http://x" }, reset);
  const error = new AgentError("NOT_AUTHORIZED", { retryAfterMs: 5000 }, refused);
  const got = byWire(error);
  expect(got).toBeInstanceOf(AgentError);
  expect(got).toMatchObject({ code: "NOT_AUTHORIZED", detail: { retryAfterMs: 5000 } });
  expect(describeError(got as AgentError)).toBe(describeError(error));
  expect(describeError(got as AgentError)).toContain("url=http://x): read ECONNRESET");
});

test("a code that another version of the program has made is no code here", () => {
  const got = unpackError({ code: "FROM_THE_FUTURE", message: "Something new." });
  expect(got).not.toBeInstanceOf(AgentError);
  expect(got.message).toBe("Something new.");
});

test("what was thrown and is no error is kept as text", () => {
  expect(byWire(new AgentError("DEVICE_KEY", {}, "why")).cause).toEqual(new Error("why"));
});
