import { expect, test } from "vitest";
import { covers, grantsOf, sightOf } from "../../../server/domain/permissions/grants.ts";
import { BUILT_IN_ROLES, PERMISSION_SETS, type ScopedSet } from "../../../server/domain/permissions/matrix.ts";
import { PERMISSIONS, type Permission } from "../../../server/domain/permissions/permissions.ts";

/** Written by hand: what each built-in role may do. */
const EXPECTED: Readonly<Record<string, readonly Permission[]>> = {
  RBAC_ROLE_PERMIT_ALL: Object.keys(PERMISSIONS) as Permission[],
  RBAC_ROLE_OBSERVER: ["Basic", "ReadDevices", "ReadDeployments", "ReadReleases"],
  RBAC_ROLE_CI: ["Basic", "ReadReleases", "UploadArtifacts", "ManageReleases"],
  RBAC_ROLE_DEPLOYMENTS_MANAGER: ["Basic", "ReadDevices", "ReadDeployments", "DeployToDevices", "ReadReleases"],
  RBAC_ROLE_REMOTE_TERMINAL: ["Basic", "ReadDevices", "ReadDeployments", "ConnectToDevices"],
};

test("there are the built-in roles of Mender, and no others", () => {
  expect(Object.keys(BUILT_IN_ROLES).toSorted()).toEqual(Object.keys(EXPECTED).toSorted());
});

for (const [role, permissions] of Object.entries(EXPECTED))
  test(`${role} may do what the table says, everywhere, and nothing else`, () => {
    const grants = grantsOf(BUILT_IN_ROLES[role]?.sets ?? []);
    expect([...grants.keys()].toSorted()).toEqual(permissions.toSorted());
    expect(new Set(grants.values())).toEqual(new Set(["all"]));
  });

test("the permissions of a set are limited by what the set can be limited to, or by nothing", () => {
  const kinds = { DeviceGroups: "groups", ReleaseTags: "tags" } as const;
  for (const [name, { permissions, scope }] of Object.entries(PERMISSION_SETS))
    if (scope !== undefined)
      expect(new Set(permissions.map((one) => PERMISSIONS[one])), name).toEqual(new Set([kinds[scope]]));
});

test("who has no role has only their own account", () => {
  expect(grantsOf([])).toEqual(new Map([["Basic", "all"]]));
});

const inGroups = (name: "ReadDevices" | "DeployToDevices", ...value: string[]): ScopedSet => ({
  name,
  scope: { type: "DeviceGroups", value },
});

test("scopes add up, and a set without a scope wins", () => {
  const grants = grantsOf([inGroups("ReadDevices", "a"), inGroups("DeployToDevices", "b")]);
  expect(grants.get("ReadDevices")).toEqual(new Set(["a", "b"]));
  expect(grants.get("DeployToDevices")).toEqual(new Set(["b"]));
  for (const sets of [
    [inGroups("ReadDevices", "a"), { name: "ReadDevices" }],
    [{ name: "ReadDevices" }, inGroups("ReadDevices", "a")],
  ] as const)
    expect(grantsOf(sets).get("ReadDevices")).toBe("all");
});

test("what somebody sees is the scope of the permission that the request needs", () => {
  const grants = grantsOf([
    inGroups("ReadDevices", "a", "b"),
    inGroups("DeployToDevices", "b"),
    { name: "UploadArtifacts", scope: { type: "ReleaseTags", value: ["t"] } },
  ]);
  expect(sightOf(grants, "ReadDevices")).toEqual({ groups: ["a", "b"], tags: ["t"] });
  expect(sightOf(grants, "DeployToDevices")).toEqual({ groups: ["b"], tags: ["t"] });
  expect(sightOf(grants, "UploadArtifacts")).toEqual({ groups: ["a", "b"], tags: ["t"] });
  expect(sightOf(grantsOf([{ name: "SuperUser" }]), "Basic")).toEqual({ groups: undefined, tags: undefined });
  expect(sightOf(grantsOf([]), "Basic")).toEqual({ groups: [], tags: [] });
});

for (const [title, first, second, expected] of [
  ["an administrator covers everybody", [{ name: "SuperUser" }], [inGroups("DeployToDevices", "a")], true],
  ["nobody else covers an administrator", [{ name: "ManageUsers" }], [{ name: "SuperUser" }], false],
  ["a scope covers a part of it", [inGroups("ReadDevices", "a", "b")], [inGroups("ReadDevices", "a")], true],
  ["a scope does not cover another", [inGroups("ReadDevices", "a")], [inGroups("ReadDevices", "a", "b")], false],
  ["a scope does not cover everything", [inGroups("ReadDevices", "a")], [{ name: "ReadDevices" }], false],
  ["everything covers a scope", [{ name: "ReadDevices" }], [inGroups("ReadDevices", "a")], true],
  ["everybody covers who has no role", [], [], true],
] as const satisfies readonly (readonly [string, readonly ScopedSet[], readonly ScopedSet[], boolean])[])
  test(`${title}: ${expected}`, () => {
    expect(covers(grantsOf(first), grantsOf(second))).toBe(expected);
  });
