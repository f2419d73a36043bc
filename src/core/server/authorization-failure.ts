import type { ErrorCode } from "../../errors/catalogue.ts";

/**
 * Why no server has accepted the device, most informative first: a server refuses it, a server has an internal problem,
 * or no server can be reached. If one call fails with one of these, every other call does too.
 */
export const AUTHORIZATION_FAILURES = ["NOT_AUTHORIZED", "AUTHORIZATION_FAILED", "SERVER_UNREACHABLE"] as const;
export type AuthorizationFailure = (typeof AUTHORIZATION_FAILURES)[number];

export const isAuthorizationFailure = (code: ErrorCode): code is AuthorizationFailure =>
  AUTHORIZATION_FAILURES.some((each) => each === code);
