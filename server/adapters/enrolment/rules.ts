import { BlockList, isIP } from "node:net";
import { compilePattern } from "../../domain/filters/match-pattern.ts";

/** What an attribute of the identity must be: as an expression says, all of it, or one of a list. */
export type IdentityCondition =
  | { readonly attribute: string; readonly regex: string }
  | { readonly attribute: string; readonly values: readonly string[] };

/** Which devices are accepted without a person: those for which all of it holds. */
export interface EnrolmentRule {
  readonly identity: readonly IdentityCondition[];
  /** The device asks from one of these addresses or networks. Empty: from anywhere. */
  readonly networks: readonly string[];
}

export interface Applicant {
  readonly identity: Readonly<Record<string, unknown>>;
  /** From where it asks. `null`: that is not known. */
  readonly address: string | null;
}

/**
 * Makes a rule ready to be asked. What it costs to ask is bounded by the length of the rule times that of the identity.
 *
 * @throws {PatternError} with a sentence for the person who wrote the expression
 */
export function compileRule({ identity, networks }: EnrolmentRule): (applicant: Applicant) => boolean {
  const conditions = identity.map(compileCondition);
  const isInside = compileNetworks(networks);
  return (applicant) => isInside(applicant.address) && conditions.every((holds) => holds(applicant.identity));
}

function compileCondition(condition: IdentityCondition): (identity: Applicant["identity"]) => boolean {
  const isRight = "regex" in condition ? wholeMatch(condition.regex) : isOneOf(condition.values);
  return (identity) => {
    const value = Object.hasOwn(identity, condition.attribute) ? identity[condition.attribute] : undefined;
    // Of a list, each text must be right: one that is not must not come in with another that is.
    const texts = [value ?? []].flat();
    return texts.length > 0 && texts.every((text) => typeof text === "string" && isRight(text));
  };
}

/** An expression that only has to occur somewhere would accept more than one reads in it. */
function wholeMatch(regex: string): (text: string) => boolean {
  // By itself first: "a)|(b" must not get its parentheses from the next line.
  compilePattern(regex);
  const pattern = compilePattern(`^(${regex})$`);
  return (text) => pattern.matches(text);
}

function isOneOf(values: readonly string[]): (text: string) => boolean {
  const known = new Set(values);
  return (text) => known.has(text);
}

/** Whether a text is an address, or a network with the length of its prefix. */
export function isNetwork(text: string): boolean {
  const [address = "", length, ...more] = text.split("/");
  const version = isIP(address);
  if (version === 0 || more.length > 0) return false;
  return length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= (version === 4 ? 32 : 128));
}

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

function compileNetworks(networks: readonly string[]): (address: string | null) => boolean {
  if (networks.length === 0) return () => true;
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", length] = network.split("/");
    const isFour = isIP(address) === 4;
    list.addSubnet(address, length === undefined ? (isFour ? 32 : 128) : Number(length), isFour ? "ipv4" : "ipv6");
  }
  return (given) => {
    // A listener for both versions names an address of version 4 so.
    const address = MAPPED.exec(given ?? "")?.[1] ?? given ?? "";
    const version = isIP(address);
    return version !== 0 && list.check(address, version === 4 ? "ipv4" : "ipv6");
  };
}
