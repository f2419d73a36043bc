import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** Parts of what a client sends. The next part goes out when the one before it has been sent and read. */
export type Parts = readonly string[];

/** Sends bytes as they are, and returns all that comes until the server or the client ends the connection. */
export async function sendRaw(url: string, parts: Parts, isOver: (text: string) => boolean): Promise<string> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.setNoDelay(true);
  const all = received(socket, isOver);
  await once(socket, "connect");
  for (const [n, part] of parts.entries()) {
    socket.write(part);
    // Long enough that the server reads the parts one by one.
    if (n < parts.length - 1) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return all;
}

async function received(socket: Socket, isOver: (text: string) => boolean): Promise<string> {
  let text = "";
  socket.on("data", (chunk) => {
    text += String(chunk);
    if (isOver(text)) socket.destroy();
  });
  socket.on("error", () => undefined); // ignored: a reset is an end, too.
  await once(socket, "close");
  return text;
}

/** Whether so many answers have arrived whole. An answer without a length has no body. */
export function hasAnswers(text: string, count: number): boolean {
  let rest = text;
  for (let n = 0; n < count; n += 1) {
    const end = rest.indexOf("\r\n\r\n");
    if (end < 0) return false;
    const head = rest.slice(0, end);
    const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
    // The interim answer to `Expect` belongs to the answer after it.
    if (head.startsWith("HTTP/1.1 100")) n -= 1;
    if (rest.length < end + 4 + length) return false;
    rest = rest.slice(end + 4 + length);
  }
  return true;
}
