/** What a provider says of a person: the members of its ID token, or of its answer about the user. */
export type Claims = Readonly<Record<string, unknown>>;

/** Who may sign in by a provider, and with which roles. */
export interface ProviderRules {
  /** What the server asks for besides `openid`. */
  readonly scopes: readonly string[];
  /** Domains of email addresses. Empty: any. Where there are some, the provider must have verified the address. */
  readonly emailDomains: readonly string[];
  /** The name of a claim, or a JSON Pointer to a member of one, such as `/realm_access/roles`. */
  readonly groupsClaim: string;
  readonly roleMapping: readonly { readonly group: string; readonly roles: readonly string[] }[];
  /** The roles of who is in none of these groups. `undefined`: they are refused. */
  readonly defaultRoles: readonly string[] | undefined;
  /** Whether a person who has no user here gets one. */
  readonly createsUsers: boolean;
  /** Whether a user with the same address is theirs, if the provider has verified it. */
  readonly linksByEmail: boolean;
  readonly sessionHours: number;
}

/** A person who may sign in. */
export interface Admission {
  readonly subject: string;
  /** In lower case. */
  readonly email: string | undefined;
  /** `undefined`: the provider does not say. */
  readonly isEmailVerified: boolean | undefined;
  readonly roles: readonly string[];
}

/** Why a person may not sign in, for them and for their administrators. */
export interface Refusal {
  readonly reason: string;
}

const EMAIL = /^[^@\s\p{Cc}]{1,100}@[^@\s\p{Cc}]{1,150}$/u;
const SUBJECT_MAX = 255;
/** More groups than anybody has. */
const GROUPS_MAX = 10_000;
const SHOWN_GROUPS_MAX = 10;

/** Decides by what the provider has said, and by nothing else: a group that is gone takes its roles with it. */
export function admit(claims: Claims, rules: ProviderRules): Admission | Refusal {
  const { sub: subject, email: given } = claims;
  if (typeof subject !== "string" || subject === "" || subject.length > SUBJECT_MAX)
    return { reason: "the provider gave no usable subject" };
  const email = typeof given === "string" && EMAIL.test(given) ? given.toLowerCase() : undefined;
  // Some providers send a text.
  const verified = claims["email_verified"];
  const isEmailVerified = verified === undefined ? undefined : verified === true || verified === "true";
  const domain = email?.split("@")[1] ?? "";
  if (rules.emailDomains.length > 0) {
    if (email === undefined) return { reason: "the provider gave no email address" };
    if (!rules.emailDomains.includes(domain)) return { reason: `addresses of ${domain} may not sign in here` };
    if (isEmailVerified !== true) return { reason: `the provider has not verified ${email}` };
  }
  const groups = groupsOf(claims, rules.groupsClaim);
  const mapped = rules.roleMapping.filter(({ group }) => groups.includes(group));
  // A group can be mapped to no role: its people have their own account.
  const roles = mapped.length > 0 ? mapped.flatMap((one) => one.roles) : rules.defaultRoles;
  if (roles === undefined) return { reason: `none of your groups may sign in here: ${shown(groups)}` };
  return { subject, email, isEmailVerified, roles: [...new Set(roles)].toSorted() };
}

/** The groups in a claim: a text, or an array of texts. */
function groupsOf(claims: Claims, claim: string): readonly string[] {
  const value = Object.hasOwn(claims, claim) ? claims[claim] : claim.startsWith("/") ? pointedTo(claims, claim) : [];
  const all: unknown[] = Array.isArray(value) ? value.slice(0, GROUPS_MAX) : [value];
  return all.filter((one): one is string => typeof one === "string");
}

function pointedTo(claims: Claims, pointer: string): unknown {
  let value: unknown = claims;
  for (const part of pointer.slice(1).split("/")) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Claims)[name];
  }
  return value;
}

function shown(groups: readonly string[]): string {
  if (groups.length === 0) return "the provider named none";
  const first = groups.slice(0, SHOWN_GROUPS_MAX).map((group) => group.slice(0, 100));
  return `${first.join(", ")}${groups.length > first.length ? ` and ${groups.length - first.length} more` : ""}`;
}
