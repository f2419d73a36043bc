import { z } from "zod";
import { Id, Timestamp } from "./common.ts";

/** How people of a tenant sign in. `break_glass` has the ids of users whose passwords are good although they are off. */
export const SignInRules = z.object({
  second_factor: z.enum(["optional", "required"]),
  passwords: z.enum(["on", "off"]),
  break_glass: z.array(Id).max(100),
});
export type SignInRules = z.infer<typeof SignInRules>;

/** What changes of these rules. */
export const SignInRulesChange = SignInRules.partial();

const Roles = z.array(z.string().min(1).max(256)).max(100);
const Domain = z
  .string()
  .max(150)
  .regex(/^[^@\s\p{Cc}]+$/u);

/**
 * An OpenID provider and its rules. Without `client_secret` the server is a public client; in a change, or with the text
 * `<omitted>` that answers have, the secret stays.
 */
const ProviderSettings = z.object({
  issuer: z.url().max(1024),
  client_id: z.string().min(1).max(512),
  client_secret: z.string().min(1).max(2048).nullish(),
  scopes: z
    .array(
      z
        .string()
        .min(1)
        .max(256)
        .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/),
    )
    .max(50)
    .optional(),
  email_domains: z.array(Domain).max(100).optional(),
  groups_claim: z.string().min(1).max(256).optional(),
  role_mapping: z
    .array(z.object({ group: z.string().min(1).max(512), roles: Roles }))
    .max(1000)
    .optional(),
  default_roles: Roles.optional(),
  create_users: z.boolean().optional(),
  link_by_email: z.boolean().optional(),
  session_hours: z.int().min(1).max(168).optional(),
});
export type ProviderSettings = z.infer<typeof ProviderSettings>;

export const NewProvider = z.object({ name: z.string().min(1).max(256), settings: ProviderSettings });
export type NewProvider = z.infer<typeof NewProvider>;

export const Provider = z.object({
  id: Id,
  name: z.string(),
  settings: ProviderSettings,
  /** Where people begin to sign in, and where the provider sends them back to: it must know this address. */
  start_url: z.string(),
  callback_url: z.string(),
  created_ts: Timestamp,
  updated_ts: Timestamp,
});
export type Provider = z.infer<typeof Provider>;

/** Where a person goes after the sign-in: a path of this server, or a program that waits on a port of their machine. */
export const StartQuery = z.object({
  to: z.string().max(1024).optional(),
  port: z.coerce.number().int().min(1024).max(65_535).optional(),
  challenge: z
    .string()
    .regex(/^[\w-]{43}$/)
    .optional(),
});

/** The answer of the provider. It may say more. */
export const CallbackQuery = z.looseObject({
  state: z.string().max(512).optional(),
  error: z.string().max(512).optional(),
});

/** What a program shows to get the token of who was signed in. A browser shows its cookie, and no body. */
export const HandoverBody = z.object({ code: z.string().max(512), verifier: z.string().min(43).max(128) });
