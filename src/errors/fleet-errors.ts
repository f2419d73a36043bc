import type { ErrorEntry } from "./error-entry.ts";

/** Failures of `switchback-fleet`, which operators use. */
export const FLEET_ERRORS = {
  FLEET_NO_SERVER: { doc: "No server is given. Use --server or SWITCHBACK_SERVER, or log in." },
  FLEET_NOT_LOGGED_IN: { doc: "You are not logged in, or your token is not valid any more." },
  FLEET_UNREACHABLE: { retry: true, doc: "Cannot reach the server." },
  FLEET_REFUSED: { doc: "The server refused the request." },
  FLEET_FILE: { doc: "Cannot use the file that keeps your login." },
} as const satisfies Record<string, ErrorEntry>;
