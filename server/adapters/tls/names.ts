import { hostname, networkInterfaces } from "node:os";

/** The names and addresses by which devices may call this server: those of its public URL first, then its own. */
export function serverNames(url: string | undefined): readonly string[] {
  const named = url === undefined ? [] : [new URL(url).hostname.replace(/^\[|\]$/g, "")];
  const addresses = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    // Addresses of one link mean nothing without the name of the interface.
    .filter(({ address }) => !/^fe80:/i.test(address))
    .map(({ address }) => address);
  const host = hostname().toLowerCase();
  return [...new Set([...named, ...(/^[a-z0-9.-]+$/.test(host) ? [host] : []), "localhost", ...addresses])];
}
