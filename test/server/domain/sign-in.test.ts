import { expect, test } from "vitest";
import { admit, type ProviderRules } from "../../../server/domain/sign-in/admit.ts";
import { ownPath, programUrl } from "../../../server/domain/sign-in/target.ts";

const RULES: ProviderRules = {
  ...{ scopes: [], emailDomains: [], groupsClaim: "groups", defaultRoles: undefined, sessionHours: 12 },
  ...{ createsUsers: true, linksByEmail: false },
  roleMapping: [
    { group: "a", roles: ["one", "two"] },
    { group: "b", roles: ["two", "three"] },
    { group: "none", roles: [] },
  ],
};
const rolesOf = (claims: object, rules: Partial<ProviderRules> = {}) => {
  const result = admit({ sub: "s", ...claims }, { ...RULES, ...rules });
  return "reason" in result ? result.reason : result.roles;
};

const GROUPS: readonly (readonly [title: string, claims: object, rules: Partial<ProviderRules>, roles: unknown])[] = [
  ["one group", { groups: ["a"] }, {}, ["one", "two"]],
  ["several groups", { groups: ["b", "a", "x"] }, {}, ["one", "three", "two"]],
  ["a group as a text", { groups: "a" }, {}, ["one", "two"]],
  ["a group that has no role", { groups: ["none"] }, {}, []],
  ["a group in other letters", { groups: ["A"] }, {}, expect.stringContaining("A")],
  ["values that are no texts", { groups: [1, null, { a: "a" }] }, {}, expect.stringContaining("named none")],
  ["no claim", {}, {}, expect.stringContaining("named none")],
  ["a default", {}, { defaultRoles: ["one"] }, ["one"]],
  ["a default beside a group", { groups: ["b"] }, { defaultRoles: ["one"] }, ["three", "two"]],
  [
    ...(["a claim with a name like a URL", { "https://x/groups": ["a"] }] as const),
    ...([{ groupsClaim: "https://x/groups" }, ["one", "two"]] as const),
  ],
  [
    ...(["a claim that lies deeper", { realm_access: { "a/b": ["a"] } }] as const),
    ...([{ groupsClaim: "/realm_access/a~1b" }, ["one", "two"]] as const),
  ],
  ["a claim of the language", {}, { groupsClaim: "constructor" }, expect.stringContaining("named none")],
  ["a deeper one of the language", {}, { groupsClaim: "/__proto__/x" }, expect.stringContaining("named none")],
];
for (const [title, claims, rules, roles] of GROUPS)
  test(`${title} gives these roles, or none`, () => {
    expect(rolesOf(claims, rules)).toEqual(roles);
  });

for (const sub of [undefined, "", 7, "s".repeat(256)])
  test(`the subject ${JSON.stringify(sub)?.slice(0, 10)} is nobody`, () => {
    expect(rolesOf({ sub, groups: ["a"] })).toContain("subject");
  });

test("a list of domains demands an address of one of them that the provider has verified", () => {
  const rules = { emailDomains: ["works.example"] };
  const groups = ["a"];
  expect(rolesOf({ groups, email: "x@WORKS.example", email_verified: true }, rules)).toEqual(["one", "two"]);
  for (const claims of [
    {},
    { email: "x@works.example" },
    { email: "x@works.example", email_verified: false },
    { email: "x@works.example", email_verified: 1 },
    { email: "x@sub.works.example", email_verified: true },
    { email: "works.example", email_verified: true },
    { email: "x@evil.example@works.example", email_verified: true },
    { email: ["x@works.example"], email_verified: true },
  ])
    expect(rolesOf({ groups, ...claims }, rules), JSON.stringify(claims)).toEqual(expect.any(String));
});

test("a path stays on this server, in characters that a header can have", () => {
  expect(ownPath("/")).toBe("/");
  expect(ownPath("/ui/devices?q=ä#x")).toBe("/ui/devices?q=%C3%A4#x");
  for (const text of ["", "x", "//a", "/\\a", "/a\\b", "/.//a", "/a/..//b", "/\n/a", "https:a", `/${"a".repeat(1001)}`])
    expect(ownPath(text), JSON.stringify(text)).toBeUndefined();
});

test("a program is on the machine of the browser, whatever it is told", () => {
  expect(programUrl(2000, { error: "A&b" })).toBe("http://127.0.0.1:2000/?error=A%26b");
});
