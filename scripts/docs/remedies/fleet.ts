import type { Remedies } from "./section.ts";

export const FLEET = {
  FLEET_NO_SERVER: "Give the address: `--server https://HOST:8443`, or set `SWITCHBACK_SERVER`.",
  FLEET_NOT_LOGGED_IN:
    "Run `switchback-fleet login`, or give a personal access token in `SWITCHBACK_TOKEN`. `reason` shows what the server said.",
  FLEET_UNREACHABLE:
    "The cause names the error. Check the address and the network. If it names a certificate, give the authority that " +
    "signed it with `--ca`: the server prints its own at the first start.",
  FLEET_REFUSED: "`status`, `code` and `reason` show what the server answered.",
  FLEET_FILE: "Check who may write to the folder. `HOME`, `XDG_CACHE_HOME` and `XDG_CONFIG_HOME` choose it.",
} satisfies Remedies;
