import type { Permission } from "../domain/permissions/permissions.ts";

/** A device whose token is valid, and which is accepted. */
export interface DeviceCaller {
  readonly kind: "device";
  readonly tenant: string;
  readonly device: string;
  readonly authSet: string;
}

/** A person, or a program with a personal access token of that person. */
export interface PersonCaller {
  readonly kind: "user";
  readonly tenant: string;
  readonly user: string;
  readonly email: string;
  /** The session or the personal access token. */
  readonly session: string;
  readonly tokenName: string | undefined;
  readonly permissions: ReadonlySet<Permission>;
}

/** Finds who a token belongs to. `undefined`: the token is not valid any more, or never was. */
export interface Callers {
  device(token: string): Promise<DeviceCaller | undefined>;
  person(token: string): Promise<PersonCaller | undefined>;
}
