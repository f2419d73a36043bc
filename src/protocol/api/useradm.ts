import { z } from "zod";
import { Id, Timestamp } from "./common.ts";

const Email = z.email().max(254);

/** At least eight characters; what is too common is refused by the server. */
const Password = z.string().min(8).max(512);

export const NewUser = z.object({ email: Email, password: Password });
export type NewUser = z.infer<typeof NewUser>;

export const User = z.object({
  id: Id,
  email: Email,
  created_ts: Timestamp,
  updated_ts: Timestamp,
  login_ts: Timestamp.optional(),
});
export type User = z.infer<typeof User>;

export const LoginOptions = z.object({ no_expiry: z.boolean().optional(), token2fa: z.string().max(64).optional() });
