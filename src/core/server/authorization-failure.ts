import type { ErrorCode } from "../../errors/catalogue.ts";

/**
 * Why no server has accepted the device, the one that says most first: one refuses it; one is in trouble; none can be
 * reached. What fails with one of these for one call does so for every other.
 */
export const AUTHORIZATION_FAILURES = ["NOT_AUTHORIZED", "AUTHORIZATION_FAILED", "SERVER_UNREACHABLE"] as const;
export type AuthorizationFailure = (typeof AUTHORIZATION_FAILURES)[number];

export const isAuthorizationFailure = (code: ErrorCode): code is AuthorizationFailure =>
  AUTHORIZATION_FAILURES.some((each) => each === code);
