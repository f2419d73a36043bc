import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { Answer } from "./scripted-server.ts";

/** The connection ends with a reset before anything is answered. */
export const reset: Answer = ({ socket }) => cut(socket);

/** The connection ends with a reset in the middle of a header line. */
export const resetInHeader: Answer = async ({ socket }) => {
  await send(socket, "HTTP/1.1 200 OK\r\nContent-Le");
  cut(socket);
};

/** A right header, the first `afterBytes` of the body, and then a reset. */
export const resetInBody =
  (content: Uint8Array, afterBytes: number): Answer =>
  async ({ socket }) => {
    await send(socket, head(content.length));
    await send(socket, content.subarray(0, afterBytes));
    // What was sent has to arrive before the reset overtakes it.
    await new Promise((resolve) => setTimeout(resolve, 20));
    cut(socket);
  };

/** The connection stays open and nothing ever comes. */
export const stall: Answer = () => undefined;

/** A right header, the first `afterBytes` of the body, and then nothing more. */
export const stallInBody =
  (content: Uint8Array, afterBytes: number): Answer =>
  async ({ socket }) => {
    await send(socket, head(content.length));
    await send(socket, content.subarray(0, afterBytes));
  };

/** A header that comes a byte at a time and never ends. */
export const slowHeader =
  (everyMs = 10): Answer =>
  ({ socket }) => {
    socket.write("HTTP/1.1 200 OK\r\nX-Slow: ");
    const drip = setInterval(() => socket.write("x"), everyMs);
    socket.once("close", () => clearInterval(drip));
  };

/** A body that comes in pieces of `pieceBytes`, one in `everyMs`. */
export const slowBody =
  (content: Uint8Array, pieceBytes: number, everyMs = 10): Answer =>
  ({ socket }) => {
    socket.write(head(content.length));
    let sent = 0;
    const drip = setInterval(() => {
      socket.write(content.subarray(sent, sent + pieceBytes));
      sent += pieceBytes;
      if (sent >= content.length) clearInterval(drip);
    }, everyMs);
    socket.once("close", () => clearInterval(drip));
  };

/** Bytes that are no HTTP. */
export const garbage: Answer = async ({ socket }) => {
  await send(socket, Buffer.from([0x16, 0x03, 0x01, 0x00, 0xff, 0x0a, 0x00, 0x0a]));
  socket.end();
};

/** Fewer or more bytes than the header says, and then an orderly end. */
export const wrongLength =
  (content: Uint8Array, saidBytes: number): Answer =>
  async ({ socket }) => {
    await send(socket, head(saidBytes));
    await send(socket, content);
    socket.end();
  };

/** A body without a length, which ends where the connection ends. */
export const withoutLength =
  (content: Uint8Array): Answer =>
  async ({ socket }) => {
    await send(socket, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    await send(socket, content);
    socket.end();
  };

const head = (lengthBytes: number): string =>
  `HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: ${lengthBytes}\r\n\r\n`;

/** With a reset where the platform has one: not below TLS. */
function cut(socket: Socket): void {
  if (socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}

const send = (socket: Socket, data: string | Uint8Array): Promise<void> =>
  new Promise((resolve) => socket.write(data, () => resolve()));
