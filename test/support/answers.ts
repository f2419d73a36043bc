import type { Responder } from "./scripted-server.ts";

type Headers = Readonly<Record<string, string | number>>;

export const empty =
  (status: number, headers: Headers = {}): Responder =>
  ({ response }) => {
    response.writeHead(status, headers).end();
  };

export const json =
  (status: number, value: unknown, headers: Headers = {}): Responder =>
  ({ response }) => {
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
  };

/** Accepts the device. */
export const token =
  (jwt: string): Responder =>
  ({ response }) => {
    response.writeHead(200, { "content-type": "application/jwt" }).end(jwt);
  };

/** An error in the format of real servers. */
export const refusal = (status: number, error = "refused by the script", headers: Headers = {}): Responder =>
  json(status, { error, request_id: "test" }, headers);

/** 429 with a number of seconds, or with a date. */
export const slowDown = (retryAfter: number | Date): Responder =>
  refusal(429, "too many requests", {
    "retry-after": typeof retryAfter === "number" ? retryAfter : retryAfter.toUTCString(),
  });

/** Offers a deployment of the Artifact at `uri`. */
export const deployment = (id: string, artifactName: string, uri: string, deviceTypes = ["board-a"]): Responder =>
  json(200, {
    id,
    artifact: {
      id: "00000000-0000-4000-8000-000000000000",
      artifact_name: artifactName,
      source: { uri, expire: "2099-01-01T00:00:00Z" },
      device_types_compatible: deviceTypes,
    },
  });

export const redirect = (to: string, status = 302): Responder => empty(status, { location: to });

export interface FileOptions {
  readonly etag?: string;
  readonly lastModified?: string;
  /** Answers a range request with the whole file. */
  readonly ignoresRanges?: boolean;
}

/** A file, or the requested range of it. */
export const file =
  (content: Uint8Array, { etag, lastModified, ignoresRanges = false }: FileOptions = {}): Responder =>
  ({ response, headers }) => {
    const range = ignoresRanges ? undefined : rangeOf(headers.range, content.length);
    const validators = {
      ...(etag !== undefined && { etag }),
      ...(lastModified !== undefined && { "last-modified": lastModified }),
      "accept-ranges": "bytes",
    };
    if (range === undefined) {
      response.writeHead(200, { ...validators, "content-length": content.length }).end(content);
      return;
    }
    const { from, to } = range;
    response.writeHead(206, {
      ...validators,
      "content-length": to - from + 1,
      "content-range": `bytes ${from}-${to}/${content.length}`,
    });
    response.end(content.subarray(from, to + 1));
  };

function rangeOf(header: string | undefined, length: number): { from: number; to: number } | undefined {
  const match = /^bytes=(\d+)-(\d*)$/.exec(header ?? "");
  if (match === null) return undefined;
  const to = match[2] === "" ? length - 1 : Math.min(Number(match[2]), length - 1);
  return { from: Number(match[1]), to };
}
