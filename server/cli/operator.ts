import { hostname, userInfo } from "node:os";
import type { AuditEntry } from "../adapters/postgres/audit.ts";

/** Who runs a command of the server on its machine, for the audit log: the name of an account there, not of a user. */
export function operator(): Pick<AuditEntry, "actor" | "origin"> {
  return { actor: { type: "operator", id: accountName() }, origin: { host: hostname() } };
}

function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    // ignored: the account has a number and no name, as in a container.
    return `uid ${process.getuid?.() ?? "?"}`;
  }
}
