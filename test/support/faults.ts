import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { Responder } from "./scripted-server.ts";

/** Resets the connection before any response. */
export const reset: Responder = ({ socket }) => cut(socket);

/** Resets the connection in the middle of a header line. */
export const resetInHeader: Responder = async ({ socket }) => {
  await send(socket, "HTTP/1.1 200 OK\r\nContent-Le");
  cut(socket);
};

/** Sends a valid header and the first `afterBytes` of the body, then resets the connection. */
export const resetInBody =
  (content: Uint8Array, afterBytes: number): Responder =>
  async ({ socket }) => {
    await send(socket, head(content.length));
    await send(socket, content.subarray(0, afterBytes));
    // The bytes must arrive before the reset overtakes them.
    await new Promise((resolve) => setTimeout(resolve, 20));
    cut(socket);
  };

/** Keeps the connection open and never sends anything. */
export const stall: Responder = () => undefined;

/** Sends a valid header and the first `afterBytes` of the body, then nothing more. */
export const stallInBody =
  (content: Uint8Array, afterBytes: number): Responder =>
  async ({ socket }) => {
    await send(socket, head(content.length));
    await send(socket, content.subarray(0, afterBytes));
  };

/** Sends a header one byte at a time, without end. */
export const slowHeader =
  (everyMs = 10): Responder =>
  ({ socket }) => {
    socket.write("HTTP/1.1 200 OK\r\nX-Slow: ");
    const drip = setInterval(() => socket.write("x"), everyMs);
    socket.once("close", () => clearInterval(drip));
  };

/** Sends a body in pieces of `pieceBytes`, one every `everyMs`. */
export const slowBody =
  (content: Uint8Array, pieceBytes: number, everyMs = 10): Responder =>
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

/** Sends bytes that are not HTTP. */
export const garbage: Responder = async ({ socket }) => {
  await send(socket, Buffer.from([0x16, 0x03, 0x01, 0x00, 0xff, 0x0a, 0x00, 0x0a]));
  socket.end();
};

/** Sends fewer or more bytes than the header says, then ends the connection normally. */
export const wrongLength =
  (content: Uint8Array, saidBytes: number): Responder =>
  async ({ socket }) => {
    await send(socket, head(saidBytes));
    await send(socket, content);
    socket.end();
  };

/** Sends a body without a length, which ends with the connection. */
export const withoutLength =
  (content: Uint8Array): Responder =>
  async ({ socket }) => {
    await send(socket, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    await send(socket, content);
    socket.end();
  };

const head = (lengthBytes: number): string =>
  `HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: ${lengthBytes}\r\n\r\n`;

/** Resets the connection where Node can: not with TLS. */
function cut(socket: Socket): void {
  if (socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}

const send = (socket: Socket, data: string | Uint8Array): Promise<void> =>
  new Promise((resolve) => socket.write(data, () => resolve()));
