import { expect, test } from "vitest";
import { foreignCall } from "../../../adapters/foreign/foreign-call.ts";

const never = (): Promise<never> => new Promise(() => undefined);
const signal = new AbortController().signal;

test("a call whose promise never settles ends at its time limit, and its signal aborts", async () => {
  const call = foreignCall("toy", { timeoutMs: 50 });
  let heard: AbortSignal | undefined;
  const calling = call("arm", signal, (given) => {
    heard = given;
    return never();
  });
  await expect(calling).rejects.toMatchObject({ code: "ADAPTER_TIMEOUT", detail: { adapter: "toy", request: "arm" } });
  expect(heard?.aborted).toBe(true);
});

test("a call may have a time limit of its own", async () => {
  const calling = foreignCall("toy")("write", signal, never, 50);
  await expect(calling).rejects.toMatchObject({ code: "ADAPTER_TIMEOUT" });
});

for (const which of ["its own signal", "the signal for all calls"]) {
  test(`a call that does not answer is stopped by ${which}`, async () => {
    const stop = new AbortController();
    const own = which === "its own signal";
    const calling = foreignCall("toy", own ? {} : { stop: stop.signal })("arm", own ? stop.signal : signal, never);
    stop.abort(new Error("stopped"));
    await expect(calling).rejects.toThrow("stopped");
  });
}

test("a call that heeds the signal ends by itself", async () => {
  const stop = new AbortController();
  let ended = false;
  const calling = foreignCall("toy")("arm", stop.signal, async (heard) => {
    await new Promise((resolve) => heard.addEventListener("abort", resolve));
    ended = true;
  });
  stop.abort(new Error("stopped"));
  await calling;
  expect(ended).toBe(true);
});
