/** What the server's stream of events says. */
export interface Said {
  /** Of an event. What is in it, the console reads from the API. */
  readonly type: string | undefined;
  /** How far the stream is. */
  readonly id: string | undefined;
  /** How many milliseconds to wait before the next connection. */
  readonly retry: number | undefined;
}

/** Reads frames of server-sent events. Heartbeats are frames, too: they show that the stream lives. */
export async function* readFrames(stream: ReadableStream<Uint8Array>): AsyncGenerator<Said> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const frames = (rest + decoder.decode(value, { stream: true })).split("\n\n");
    rest = frames.pop() ?? "";
    for (const frame of frames) {
      const members = new Map(frame.split("\n").map((line) => split(line)));
      const retry = members.get("retry");
      yield {
        type: members.get("event"),
        id: members.get("id"),
        retry: retry === undefined ? undefined : Number(retry),
      };
    }
  }
}

function split(line: string): [name: string, text: string] {
  const at = line.indexOf(":");
  return [line.slice(0, at), line.slice(at + 1).replace(/^ /, "")];
}
