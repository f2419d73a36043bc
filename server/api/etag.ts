import type { FastifyReply, FastifyRequest } from "fastify";

/** The revision that a writer has read: `If-Match`. `undefined`: it does not matter, or `*`. */
export function revisionIn({ headers }: FastifyRequest): string | undefined {
  const given = headers["if-match"]?.trim();
  return given === undefined || given === "" || given === "*" ? undefined : given.replace(/^(?:W\/)?"(.*)"$/, "$1");
}

export const showRevision = (reply: FastifyReply, revision: number): FastifyReply =>
  reply.header("etag", `"${revision}"`);
