import { request } from "node:http";

export interface Frame {
  readonly id: number | undefined;
  readonly event: string | undefined;
  readonly data: Record<string, unknown>;
}

/** A stream of events, as a browser reads it. */
export interface EventStream {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  /** Events so far, without heartbeats. */
  readonly frames: Frame[];
  readonly text: () => string;
  /** Stops reading, so that the server's side fills up. */
  pause(): void;
  resume(): void;
  /** Resolves when the server has ended the stream. */
  readonly ended: Promise<void>;
  close(): void;
}

/** Opens a stream. @param token without it, the request has none */
export function openStream(
  url: string,
  token: string | undefined,
  headers: Record<string, string> = {},
): Promise<EventStream> {
  return new Promise((resolve, reject) => {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const asking = request(url, { headers: { ...authorization, ...headers }, agent: false });
    asking.once("error", reject);
    asking.once("response", (response) => {
      const frames: Frame[] = [];
      let text = "";
      let rest = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
        const parts = `${rest}${chunk}`.split("\n\n");
        rest = parts.pop() ?? "";
        for (const part of parts) {
          const lines = new Map(
            part.split("\n").map((line) => [line.split(": ", 1)[0], line.slice(line.indexOf(": ") + 2)]),
          );
          const data = lines.get("data");
          if (data === undefined) continue;
          const id = lines.get("id");
          frames.push({
            id: id === undefined ? undefined : Number(id),
            event: lines.get("event"),
            data: JSON.parse(data),
          });
        }
      });
      asking.on("error", () => {}); // ignored: the test closes the stream.
      resolve({
        ...{ status: response.statusCode ?? 0, headers: response.headers, frames, text: () => text },
        pause: () => void response.pause(),
        resume: () => void response.resume(),
        ended: new Promise((done) => response.once("close", () => done())),
        close: () => void asking.destroy(),
      });
    });
    asking.end();
  });
}

/** The body of an answer, or nothing of a stream, which does not end. */
export async function bodyOf(answer: Response): Promise<string> {
  if (!(answer.headers.get("content-type") ?? "").startsWith("text/event-stream")) return answer.text();
  await answer.body?.cancel();
  return "";
}
