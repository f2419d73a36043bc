import type { Generated } from "kysely";
import type { ScopedSet } from "../../domain/permissions/matrix.ts";
import type { ProviderRules } from "../../domain/sign-in/admit.ts";
import type { Target } from "../../domain/sign-in/target.ts";
import type { Json, Stamp } from "./column-types.ts";

export interface RoleTable {
  tenant_id: string;
  name: string;
  description: Generated<string>;
  sets: Json<readonly ScopedSet[]>;
  created_at: Stamp;
  updated_at: Stamp;
}

export interface UserTable {
  tenant_id: string;
  id: string;
  email: string;
  password_hash: string;
  roles: string[];
  created_at: Stamp;
  updated_at: Stamp;
  login_at: Date | null;
}

export interface SessionTable {
  tenant_id: string;
  id: string;
  user_id: string;
  kind: "session" | "token";
  name: string | null;
  expires_at: Date | null;
  idle_s: number | null;
  last_used_at: Date | null;
  address: string | null;
  user_agent: string | null;
  last_address: string | null;
  provider_id: string | null;
  created_at: Stamp;
}

export interface SecondFactorTable {
  tenant_id: string;
  user_id: string;
  secret: Buffer;
  verified_at: Date | null;
  last_step: Generated<number>;
  recovery_hashes: Generated<string[]>;
}

export interface PasswordLinkTable {
  tenant_id: string;
  token_hash: Buffer;
  user_id: string;
  purpose: "invitation" | "reset";
  expires_at: Date;
  created_at: Stamp;
}

export interface SignInRulesTable {
  tenant_id: string;
  second_factor: Generated<"optional" | "required">;
  passwords: Generated<"on" | "off">;
  break_glass: Generated<string[]>;
}

export interface IdentityProviderTable {
  tenant_id: string;
  id: string;
  name: string;
  issuer: string;
  client_id: string;
  client_secret: string | null;
  rules: Json<ProviderRules>;
  created_at: Stamp;
  updated_at: Stamp;
}

export interface IdentityTable {
  tenant_id: string;
  issuer: string;
  subject: string;
  user_id: string;
  created_at: Stamp;
  signed_in_at: Stamp;
}

export interface SignInTable {
  state_hash: Buffer;
  browser_hash: Buffer;
  tenant_id: string;
  provider_id: string;
  address: string;
  nonce: string;
  verifier: string;
  redirect_uri: string;
  target: Json<Target>;
  expires_at: Date;
}

export interface HandoverTable {
  code_hash: Buffer;
  tenant_id: string;
  provider_id: string;
  user_id: string;
  challenge: string | null;
  expires_at: Date;
}

export interface LoginFailureTable {
  tenant_id: string;
  user_id: string;
  unrecorded: number;
  since: Date | null;
  origin: Json<Record<string, unknown>>;
  recorded_at: Date | null;
}
