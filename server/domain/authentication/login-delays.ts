/** What failed logins are counted for. */
export type LoginKey = "pair" | "address" | "account" | "code" | "reset-account" | "reset-address";

interface Rule {
  /** As many failures cost nothing. */
  readonly free: number;
  /** The longest wait, in seconds. */
  readonly longest: number;
  /** The first wait, in seconds. */
  readonly first?: number;
}

/**
 * How long to wait after failed logins. A guesser on one address waits longest. An address guesses for many accounts, or
 * is an office behind one router. An account that many addresses guess for makes strangers wait, but never for long,
 * because its owner may be on a new address. Who guesses codes of the second factor knows the password: its owner must
 * change it anyway. Each request for a link to a new password sends a mail to its owner, who must not drown in them.
 */
const RULES: Readonly<Record<LoginKey, Rule>> = {
  pair: { free: 5, longest: 900 },
  address: { free: 50, longest: 300 },
  account: { free: 20, longest: 30 },
  code: { free: 10, longest: 900 },
  "reset-account": { free: 3, longest: 3600, first: 600 },
  "reset-address": { free: 10, longest: 900, first: 10 },
};

/** Seconds until the next attempt, after so many failures in a row. */
export function loginDelayS(key: LoginKey, failures: number): number {
  const { free, longest, first = 1 } = RULES[key];
  return failures < free ? 0 : Math.min(longest, first * 2 ** Math.min(failures - free, 20));
}
