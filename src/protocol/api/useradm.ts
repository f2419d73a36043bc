import { z } from "zod";
import { Id, Timestamp } from "./common.ts";

const Email = z.email().max(254);

/** At least eight characters; what is too common is refused by the server. */
const Password = z.string().min(8).max(512);

/** Names of roles. */
const RoleNames = z.array(z.string().min(1).max(256)).max(100);

/**
 * A user without `roles` becomes an administrator; one with an empty list has only their own account. With
 * `send_reset_password`, the person gets a link to set a password, and needs none before.
 */
export const NewUser = z.object({
  email: Email,
  password: Password.optional(),
  roles: RoleNames.optional(),
  send_reset_password: z.boolean().optional(),
});
export type NewUser = z.infer<typeof NewUser>;

/** What changes of a user. Who changes their own account says their present password. */
export const UserChange = z.object({
  email: Email.optional(),
  password: Password.optional(),
  current_password: z.string().max(512).optional(),
  roles: RoleNames.optional(),
});
export type UserChange = z.infer<typeof UserChange>;

export const User = z.object({
  id: Id,
  email: Email,
  roles: z.array(z.string()),
  /** Whether there is a second factor. `unverified`: it is being set up, and no login asks for it yet. */
  tfa_status: z.enum(["enabled", "unverified", "disabled"]),
  /** Not until they have accepted their invitation. */
  has_password: z.boolean(),
  created_ts: Timestamp,
  updated_ts: Timestamp,
  login_ts: Timestamp.optional(),
});
export type User = z.infer<typeof User>;

/**
 * How the person gets the link by which they set a password: by mail, or by you. A server that does not know its own
 * address answers a link that is relative to the address by which you reach it.
 */
export const PasswordLink = z.object({
  mailed: z.boolean(),
  link: z.string().optional(),
  expires_at: Timestamp.optional(),
});
export type PasswordLink = z.infer<typeof PasswordLink>;

export const PasswordResetStart = z.object({ email: Email });

/** `secret_hash` is what stands behind the `#` of the link. */
export const PasswordResetComplete = z.object({ secret_hash: z.string().min(1).max(256), password: Password });

const Seconds = z.coerce.number().int().min(0).max(253_402_300_799);

export const UserQuery = z.object({
  id: z.union([Id, z.array(Id).max(100)]).optional(),
  email: z.union([z.string().max(254), z.array(z.string().max(254)).max(100)]).optional(),
  created_after: Seconds.optional(),
  created_before: Seconds.optional(),
  updated_after: Seconds.optional(),
  updated_before: Seconds.optional(),
});

export const LoginOptions = z.object({ no_expiry: z.boolean().optional(), token2fa: z.string().max(64).optional() });

/** What an app needs for codes: a PNG image in base64, the same for a terminal, the address in it, and the bare secret. */
export const SecondFactorSecret = z.object({
  qr: z.string(),
  qr_text: z.string(),
  uri: z.string(),
  secret: z.string(),
});
export type SecondFactorSecret = z.infer<typeof SecondFactorSecret>;

export const SecondFactorCode = z.object({ token2fa: z.string().min(1).max(64) });

/** Who changes what protects their account says their present password. */
export const PresentPassword = z.object({ current_password: z.string().max(512).optional() });

/** Each is good once, in place of a code of the app. They are shown only now. */
export const RecoveryCodes = z.object({ recovery_codes: z.array(z.string()) });
export type RecoveryCodes = z.infer<typeof RecoveryCodes>;

/** A personal access token. `expires_in` is in seconds; 0 or none: it does not expire. */
export const NewToken = z.object({
  name: z.string().min(1).max(256),
  expires_in: z.int().min(0).max(31_536_000).optional(),
});

export const Token = z.object({
  id: Id,
  name: z.string(),
  last_used: Timestamp.optional(),
  expiration_date: Timestamp.optional(),
  created_ts: Timestamp,
});

/** What begins a session of the console in a browser. */
export const ConsoleLogin = z.object({
  email: z.string().max(254),
  password: z.string().max(512),
  token2fa: z.string().max(64).optional(),
});
export type ConsoleLogin = z.infer<typeof ConsoleLogin>;

/** Who asks, and what they may do. */
export const ConsoleSession = z.object({
  user: z.object({ id: Id, email: z.string() }),
  tenant: z.object({ id: Id, name: z.string() }),
  /** What a page sends as `X-CSRF-Token` with each request that changes something. Only sessions of the console have one. */
  csrf_token: z.string().optional(),
  /** They must set up a second factor before they can do anything else. */
  must_set_up: z.boolean(),
  /** Permissions by their names: everywhere, or in these groups or for these tags. */
  permissions: z.record(z.string(), z.union([z.literal("all"), z.array(z.string())])),
});
export type ConsoleSession = z.infer<typeof ConsoleSession>;

/** A session, or a personal access token, which has a `name`. */
export const Session = z.object({
  id: Id,
  kind: z.enum(["session", "token"]),
  name: z.string().optional(),
  /** When the person logged in or made the token. */
  issued_at: Timestamp,
  expires_at: Timestamp.optional(),
  last_used_at: Timestamp.optional(),
  /** Where it was made, and what the program said of itself. */
  address: z.string().optional(),
  user_agent: z.string().optional(),
  last_address: z.string().optional(),
  /** The id of the provider that has signed the person in. */
  provider: Id.optional(),
  /** Whether it is the one that asks. */
  current: z.boolean(),
});
export type Session = z.infer<typeof Session>;

export const SessionQuery = z.object({ kind: z.enum(["session", "token"]).optional() });

/** Free for whoever shows the API to people. */
export const Settings = z.record(z.string().max(1024), z.unknown());
