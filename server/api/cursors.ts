import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { type Position, readCursor, type Walk, type Walked, writeCursor } from "../domain/cursors/cursors.ts";
import { ServerError } from "../errors/server-error.ts";
import { linkTo, type Paging, PagingQuery } from "./paging.ts";
import type { Services } from "./services.ts";

/** A list that is read page by page, or by a cursor. An empty cursor asks for the first rows. */
export const CursorQuery = PagingQuery.extend({ cursor: z.string().max(2048).optional() });
export type CursorQuery = Paging & { readonly cursor?: string | undefined };

/** How a request walks a list. */
export interface Walker extends Walk {
  /** Sets `X-Next-Cursor` if there are more rows, and `Link` (first, next) on what is asked with GET. */
  setHeaders(reply: FastifyReply, next: Position | undefined): void;
}

/**
 * How a request walks a list by a cursor. `undefined`: it reads a page by its number.
 *
 * @throws {ServerError} CURSOR_INVALID, or REQUEST_INVALID if it also asks for a page
 */
export function walkerOf(
  { linkKey }: Pick<Services, "linkKey">,
  request: FastifyRequest,
  { page, per_page: perPage, cursor }: CursorQuery,
  walked: Walked,
): Walker | undefined {
  if (cursor === undefined) return undefined;
  if (page !== 1) throw new ServerError("REQUEST_INVALID", { in: "page", reason: "not together with a cursor" });
  const after = cursor === "" ? undefined : readCursor(linkKey, walked, cursor);
  if (cursor !== "" && after === undefined) throw new ServerError("CURSOR_INVALID");
  return {
    ...{ after, limit: perPage },
    setHeaders(reply, next) {
      const text = next === undefined ? undefined : writeCursor(linkKey, walked, next);
      if (text !== undefined) reply.header("x-next-cursor", text);
      if (request.method !== "GET") return;
      const to = (to: string, rel: string): string => linkTo(request, { cursor: to, per_page: perPage }, rel);
      reply.header("link", [to("", "first"), ...(text === undefined ? [] : [to(text, "next")])]);
    },
  };
}
