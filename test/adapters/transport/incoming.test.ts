import { once } from "node:events";
import { Socket } from "node:net";
import { expect, test } from "vitest";
import { Incoming } from "../../../adapters/transport/incoming.ts";

function watched(): { readonly socket: Socket; readonly incoming: Incoming } {
  const socket = new Socket();
  const incoming = new Incoming(undefined);
  incoming.watch(socket, true);
  return { socket, incoming };
}

test("a stream that ended early has also ended for a later reader", async () => {
  const { socket, incoming } = watched();
  socket.destroy();
  await once(socket, "close");
  expect(await incoming.next()).toBeUndefined();
  await expect(incoming.ready("connect")).rejects.toThrow("the connection was closed");
});

test("a stream that failed early also fails for a later reader, with its first reason", async () => {
  const { socket, incoming } = watched();
  const reason = new Error("first");
  incoming.fail(reason);
  socket.destroy(new Error("second"));
  await expect(incoming.next()).rejects.toBe(reason);
  await expect(incoming.ready("connect")).rejects.toBe(reason);
});

test("a later reader gets the bytes that came early, and bytes that it returns come first again", async () => {
  const { incoming } = watched();
  const { buffer, callback } = incoming.hook(Buffer.from("abcdef"), true);
  expect([callback(3), buffer.length]).toEqual([false, 6]);
  incoming.unread(Buffer.from("xyz"));
  expect(String(await incoming.next())).toBe("xyz");
  expect(String(await incoming.next())).toBe("abc");
});
