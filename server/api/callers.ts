import type { Grants } from "../domain/permissions/grants.ts";
import type { ComeBack } from "../domain/rollout/come-back.ts";

/** A device whose token is valid, and which is accepted. */
export interface DeviceCaller {
  readonly kind: "device";
  readonly tenant: string;
  readonly device: string;
  readonly authSet: string;
  /** The same object for all requests of the device, until something changes about it. */
  readonly memory: PollMemory;
}

/** What a process remembers of the polls of a device. */
export interface PollMemory {
  /** The poll that got nothing: what it said, and the state of the running deployments at that time. */
  nothing?: {
    readonly said: string;
    readonly version: number;
    readonly code: string;
    readonly about: string | undefined;
    /** The rollouts that had no place for it, and budgets that were used up. Once that ends, the answer is not certain. */
    readonly waitsIn: ReadonlySet<string>;
    /** When it is to come back, if that is not at its usual time. */
    readonly comeBack: ComeBack | undefined;
  };
  /** Counts the changes that may give the device an answer to its poll that it did not get before. */
  changes?: number;
  /** What of the device's provides is written already. */
  written?: string;
}

/** Something about the device has changed: what its last poll got nothing for may not hold any more. */
export function forgetAnswer(memory: PollMemory): void {
  memory.changes = (memory.changes ?? 0) + 1;
  delete memory.nothing;
}

/** A person, or a program with a personal access token of that person. */
export interface PersonCaller {
  readonly kind: "user";
  readonly tenant: string;
  readonly user: string;
  readonly email: string;
  /** The session or the personal access token. */
  readonly session: string;
  /** When they logged in, or made the token. */
  readonly issuedAt: Date;
  readonly tokenName: string | undefined;
  /** They must set up a second factor before they can do anything else. */
  readonly mustSetUp: boolean;
  /** Of a session of the console: what its pages send with each request that changes something. */
  readonly pageSecret: string | undefined;
  readonly grants: Grants;
}

/** What shows who a person is: the token of a program, or that in the cookie of a browser. One is not good as the other. */
export interface Credential {
  readonly from: "header" | "cookie";
  readonly token: string;
}

/** Finds who a token belongs to. `undefined`: the token is not valid any more, or never was. */
export interface Callers {
  /** At once if the process knows the token. */
  device(token: string): DeviceCaller | Promise<DeviceCaller | undefined>;
  /** @param address from where the token is used; without it, it is not noted */
  person(credential: Credential, address?: string): Promise<PersonCaller | undefined>;
}
