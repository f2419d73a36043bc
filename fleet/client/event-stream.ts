import type { Readable } from "node:stream";

/** An event of the server's stream. */
export interface StreamedEvent {
  /** Grows from event to event. A frame without one is not kept by the server. */
  readonly number: number | undefined;
  readonly type: string;
  readonly data: string;
}

/**
 * Reads server-sent events until the stream ends. What is not an event, such as the heartbeat, still tells how far the
 * stream is.
 *
 * @param reached hears of each number
 */
export async function* readEvents(stream: Readable, reached: (number: number) => void): AsyncGenerator<StreamedEvent> {
  stream.setEncoding("utf8");
  let rest = "";
  for await (const chunk of stream) {
    const frames = `${rest}${String(chunk)}`.split("\n\n");
    rest = frames.pop() ?? "";
    for (const frame of frames) {
      const members = new Map(frame.split("\n").map((line) => [nameOf(line), textOf(line)]));
      const id = members.get("id");
      const number = id === undefined || !/^\d+$/.test(id) ? undefined : Number(id);
      const [type, data] = [members.get("event"), members.get("data")];
      if (type !== undefined && data !== undefined) yield { number, type, data };
      // Only now: whoever is interrupted while it handles the event gets it again.
      if (number !== undefined) reached(number);
    }
  }
}

const nameOf = (line: string): string => line.split(":", 1)[0] ?? "";
const textOf = (line: string): string => line.slice(line.indexOf(":") + 1).replace(/^ /, "");
