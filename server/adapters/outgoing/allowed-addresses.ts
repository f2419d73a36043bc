import { BlockList, isIP } from "node:net";

/**
 * What a webhook must not reach: this machine, its networks, the services of its cloud, and what is no address of one
 * receiver. Addresses of version 6 that carry one of version 4 are refused as well.
 */
const REFUSED = [
  ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"],
  ...["192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"],
  ...[
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
  ],
  ...["2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"],
];

/** Tells which addresses webhooks may go to. @param allowed networks or addresses that are allowed nevertheless */
export function addressRule(allowed: readonly string[]): (address: string) => boolean {
  const refused = blockList(REFUSED);
  const permitted = blockList(allowed);
  return (address) => {
    const version = isIP(address);
    if (version === 0) return false;
    const family = version === 4 ? "ipv4" : "ipv6";
    return permitted.check(address, family) || !refused.check(address, family);
  };
}

function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", length] = network.split("/");
    const version = isIP(address);
    const family = version === 4 ? "ipv4" : "ipv6";
    list.addSubnet(address, length === undefined ? (version === 4 ? 32 : 128) : Number(length), family);
  }
  return list;
}
