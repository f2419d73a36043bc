import type { FastifyRequest } from "fastify";
import { checkLink, type Link, signLink } from "../domain/links/links.ts";
import { ServerError } from "../errors/server-error.ts";
import type { Services } from "./services.ts";

type LinkServices = Pick<Services, "linkKey" | "publicUrl">;

/** How long links are valid. Devices may be cut off for long, and cannot renew a link. */
export const LINK_S = { device: 24 * 3600, person: 15 * 60 } as const;

interface ShownLink {
  readonly uri: string;
  /** RFC 3339. */
  readonly expire: string;
}

interface Download {
  readonly tenant: string;
  /** Its id. */
  readonly artifact: string;
  readonly validS: number;
  /** The name of the file for people. */
  readonly fileName?: string;
}

/** A link to the bytes of an artifact: to this server, or to the store if it is configured so. */
export async function downloadLink(
  services: LinkServices & Pick<Services, "objects" | "directLinks">,
  request: FastifyRequest,
  { tenant, artifact, validS, fileName }: Download,
): Promise<ShownLink> {
  if (services.directLinks) {
    const expire = new Date(Date.now() + validS * 1000).toISOString();
    const shown = fileName === undefined ? undefined : disposition(fileName);
    const uri = await services.objects.link(artifactKey(tenant, artifact), validS, shown);
    if (uri !== undefined) return { uri, expire };
  }
  return linkTo(services, request, { method: "GET", path: downloadPath(artifact), tenant }, validS);
}

/** Where the store has the bytes of an artifact. */
export const artifactKey = (tenant: string, artifact: string): string => `${tenant}/${artifact}`;

export function linkTo(
  services: LinkServices,
  request: FastifyRequest,
  link: Omit<Link, "expiresAt">,
  validS: number,
): ShownLink {
  const expiresAt = new Date(Date.now() + validS * 1000);
  const signed = signLink(services.linkKey, { ...link, expiresAt });
  return { uri: `${originOf(services, request)}${signed}`, expire: expiresAt.toISOString() };
}

export const downloadPath = (artifact: string): string => `/api/devices/v1/download/${artifact}`;

/** Where clients reach this server: the configured address, or else the one that this client has used. */
export function originOf({ publicUrl }: Pick<Services, "publicUrl">, request: FastifyRequest): string {
  return publicUrl ?? `${request.protocol}://${request.host}`;
}

/** The tenant of a link that was followed. @throws {ServerError} LINK_INVALID, LINK_EXPIRED */
export function followedLink({ linkKey }: Pick<Services, "linkKey">, request: FastifyRequest): string {
  const method = request.method === "HEAD" ? "GET" : (request.method as Link["method"]);
  const path = request.url.split("?", 1)[0] ?? "";
  const query = request.query as Readonly<Record<string, unknown>>;
  const check = checkLink(linkKey, { method, path, query }, new Date());
  switch (check.is) {
    case "valid":
      return check.tenant;
    case "unparsable":
      throw new ServerError("LINK_INVALID", { parameter: check.parameter });
    case "refused":
      throw new ServerError("LINK_EXPIRED");
  }
}

/** A file name that every client understands, and the exact one for those that know RFC 6266. */
export function disposition(name: string): string {
  const plain = name.replace(/[^\w.+ @=~-]/g, "_");
  const exact = encodeURIComponent(name).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  return `attachment; filename="${plain}"${plain === name ? "" : `; filename*=UTF-8''${exact}`}`;
}
