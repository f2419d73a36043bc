import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";

/** The page that a request asks for. Spread `.shape` into the schema of a query. */
export const PagingQuery = z.object({
  page: z.coerce.number().int().min(1).max(1_000_000).default(1),
  per_page: z.coerce.number().int().min(1).max(500).default(20),
});
export type Paging = z.infer<typeof PagingQuery>;

/** What is known of a list beyond the page: how many there are, or only whether there are more. */
export interface Extent {
  readonly total?: number;
  /** Whether there is a page after this one. Not needed with a total. */
  readonly more?: boolean;
}

/** Which rows of a list a page shows. With one row more than it shows, a query tells whether there are more. */
export const windowOf = ({ page, per_page }: Paging): { readonly offset: number; readonly limit: number } => ({
  offset: (page - 1) * per_page,
  limit: per_page,
});

/**
 * Sets `Link` (first, prev, next, and last if the total is known) and `X-Total-Count`. The links repeat the path and the
 * query of the request with another `page`.
 */
export function setPageHeaders(request: FastifyRequest, reply: FastifyReply, paging: Paging, extent: Extent): void {
  const { page, per_page } = paging;
  const last = extent.total === undefined ? undefined : Math.max(1, Math.ceil(extent.total / per_page));
  const more = last === undefined ? extent.more === true : page < last;
  const to = (number: number, rel: string): string => linkTo(request, { page: number, per_page }, rel);
  const links = [
    to(1, "first"),
    ...(page > 1 ? [to(page - 1, "prev")] : []),
    ...(more ? [to(page + 1, "next")] : []),
    ...(last === undefined ? [] : [to(last, "last")]),
  ];
  reply.header("link", links);
  if (extent.total !== undefined) reply.header("x-total-count", String(extent.total));
}

/** A link to the path and the query of a request with other parameters. */
export function linkTo({ url }: FastifyRequest, changed: Readonly<Record<string, string | number>>, rel: string) {
  const [path = "/", query = ""] = url.split("?", 2);
  const parameters = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changed)) parameters.set(name, String(value));
  return `<${path}?${parameters}>; rel="${rel}"`;
}
