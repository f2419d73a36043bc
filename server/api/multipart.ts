import type { Readable } from "node:stream";
import multipart, { type Multipart } from "@fastify/multipart";
import type { FastifyRequest } from "fastify";
import { ServerError } from "../errors/server-error.ts";
import type { App, Routes } from "./app-types.ts";

/** Adds routes that read forms. All others refuse the content type. */
export const withForms =
  (routes: Routes): Routes =>
  (app) => {
    void app.register((scope: App, _options, done) => {
      void scope.register(multipart, { throwFileSizeLimit: false });
      routes(scope);
      done();
    });
  };

/** A form whose last part is a file: what came before the file, and the file, which is not read yet. */
export interface OpenForm {
  readonly fields: ReadonlyMap<string, readonly string[]>;
  readonly file: Readable;
  readonly fileName: string;
  /** Whether the file was cut off because it is larger than the limit. */
  isTooLarge(): boolean;
  /** Reads the rest of the body after the file, and refuses further parts. */
  finish(): Promise<void>;
  /** Drops the rest of the body, so that the client reads the answer. */
  abandon(): void;
}

const FIELDS_MAX = 40;

/**
 * Reads a form up to its file.
 *
 * @throws {ServerError} REQUEST_INVALID if it is no form, has no file, or more or larger fields than any client sends
 */
export async function openForm(request: FastifyRequest, fileBytes: number): Promise<OpenForm> {
  const limits = { fields: FIELDS_MAX, fieldNameSize: 100, fieldSize: 64 * 1024, files: 1, parts: FIELDS_MAX + 1 };
  const parts = request.parts({ limits: { ...limits, fileSize: fileBytes, headerPairs: 20 } });
  const abandon = (): void => {
    request.raw.unpipe();
    request.raw.resume();
  };
  const next = async (): Promise<Multipart | undefined> => {
    try {
      const { value, done } = await parts.next();
      return done === true ? undefined : value;
    } catch (error) {
      abandon();
      throw refused(error);
    }
  };
  const fields = new Map<string, string[]>();
  for (let part = await next(); part !== undefined; part = await next()) {
    if (part.type === "file") return formWith(part);
    const isCut = part.valueTruncated || part.fieldnameTruncated;
    if (isCut || typeof part.value !== "string" || part.value.includes("\0")) {
      abandon();
      throw new ServerError("REQUEST_INVALID", { in: "form", field: part.fieldname, reason: "not a short text" });
    }
    fields.set(part.fieldname, [...(fields.get(part.fieldname) ?? []), part.value]);
  }
  throw new ServerError("REQUEST_INVALID", { in: "form", reason: "there is no file" });

  function formWith({ file, filename }: Extract<Multipart, { type: "file" }>): OpenForm {
    return {
      fields,
      file,
      fileName: filename,
      isTooLarge: () => file.truncated,
      abandon,
      async finish() {
        const extra = await next();
        if (extra === undefined) return;
        abandon();
        throw new ServerError("REQUEST_INVALID", { in: "form", reason: "the file must be the last part" });
      },
    };
  }
}

/** What the parser throws says only what is wrong with the form. */
function refused(error: unknown): Error {
  if (error instanceof ServerError || !(error instanceof Error)) throw error;
  return new ServerError("REQUEST_INVALID", { in: "form", reason: error.message }, { cause: error });
}
