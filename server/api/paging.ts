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
  const links = [
    linkTo(request, 1, per_page, "first"),
    ...(page > 1 ? [linkTo(request, page - 1, per_page, "prev")] : []),
    ...(more ? [linkTo(request, page + 1, per_page, "next")] : []),
    ...(last === undefined ? [] : [linkTo(request, last, per_page, "last")]),
  ];
  reply.header("link", links);
  if (extent.total !== undefined) reply.header("x-total-count", String(extent.total));
}

function linkTo({ url }: FastifyRequest, page: number, perPage: number, rel: string): string {
  const [path = "/", query = ""] = url.split("?", 2);
  const parameters = new URLSearchParams(query);
  parameters.set("page", String(page));
  parameters.set("per_page", String(perPage));
  return `<${path}?${parameters}>; rel="${rel}"`;
}
