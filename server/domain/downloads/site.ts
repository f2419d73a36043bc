import type { DownloadLimits } from "./budgets.ts";

const MAPPED = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i;

/** The site of a device: the first bits of its address, as a network. */
export function siteOf(
  address: string,
  { ipv4Prefix, ipv6Prefix }: Pick<DownloadLimits, "ipv4Prefix" | "ipv6Prefix">,
): string {
  const ipv4 = MAPPED.exec(address)?.[1] ?? (address.includes(":") ? undefined : address);
  if (ipv4 !== undefined) return network(ipv4.split(".").map(Number), 8, ipv4Prefix).join(".") + `/${ipv4Prefix}`;
  const groups = network(groupsOf(address), 16, ipv6Prefix).map((group) => group.toString(16));
  return `${groups.join(":")}/${ipv6Prefix}`;
}

/** The parts of an address without the bits behind the prefix. */
function network(parts: readonly number[], bits: number, prefix: number): number[] {
  return parts.map((part, index) => {
    const kept = Math.max(0, Math.min(bits, prefix - index * bits));
    return part - (part % 2 ** (bits - kept));
  });
}

/** The eight groups of an IPv6 address. A zone (`%eth0`) belongs to the machine, and an IPv4 address at its end is two. */
function groupsOf(address: string): number[] {
  const [text = ""] = address.split("%", 1);
  const plain = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...bytes: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  const [head = "", tail] = plain.split("::");
  const groups = (part: string): number[] =>
    part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  return [...before, ...Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => 0), ...after];
}
