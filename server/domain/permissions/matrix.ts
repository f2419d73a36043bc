import { PERMISSIONS, type Permission } from "./permissions.ts";

/** A named set of permissions, as Mender names them. Roles consist of sets. */
interface PermissionSet {
  readonly description: string;
  readonly permissions: readonly Permission[];
  /** What a role can limit the set to. */
  readonly scope: "DeviceGroups" | "ReleaseTags" | undefined;
}

const READ = ["ReadDevices", "ReadDeployments"] as const;

/** All permission sets. Whoever acts on devices or releases also sees them. */
export const PERMISSION_SETS = {
  SuperUser: {
    description: "everything",
    permissions: Object.keys(PERMISSIONS) as Permission[],
    scope: undefined,
  },
  Basic: { description: "one's own account", permissions: ["Basic"], scope: undefined },
  ReadDevices: { description: "see devices and their deployments", permissions: READ, scope: "DeviceGroups" },
  ManageDevices: {
    description: "accept, reject, group, tag and decommission devices",
    permissions: [...READ, "ManageDevices"],
    scope: "DeviceGroups",
  },
  DeployToDevices: {
    description: "create and end deployments",
    permissions: [...READ, "DeployToDevices"],
    scope: "DeviceGroups",
  },
  ConfigureDevices: {
    description: "change the configuration of devices",
    permissions: [...READ, "ConfigureDevices"],
    scope: "DeviceGroups",
  },
  ConnectToDevices: {
    description: "open terminals on devices",
    permissions: [...READ, "ConnectToDevices"],
    scope: "DeviceGroups",
  },
  ReadReleases: { description: "see releases and Artifacts", permissions: ["ReadReleases"], scope: "ReleaseTags" },
  UploadArtifacts: {
    description: "upload Artifacts",
    permissions: ["ReadReleases", "UploadArtifacts"],
    scope: "ReleaseTags",
  },
  ManageReleases: {
    description: "change and delete releases and Artifacts",
    permissions: ["ReadReleases", "ManageReleases"],
    scope: "ReleaseTags",
  },
  PromoteReleases: {
    description: "bring releases into channels, and approve it",
    permissions: ["ReadReleases", "PromoteReleases"],
    scope: "ReleaseTags",
  },
  ReadUsers: { description: "see users and roles", permissions: ["ReadUsers"], scope: undefined },
  ManageUsers: {
    description: "change users and roles, up to one's own permissions",
    permissions: ["ReadUsers", "ManageUsers"],
    scope: undefined,
  },
  ReadAuditLogs: { description: "read the audit log", permissions: ["ReadAuditLogs"], scope: undefined },
} as const satisfies Readonly<Record<string, PermissionSet>>;

export type PermissionSetName = keyof typeof PERMISSION_SETS;

/** A permission set in a role. Without `scope`, it holds for everything. */
export interface ScopedSet {
  readonly name: PermissionSetName;
  readonly scope?: { readonly type: "DeviceGroups" | "ReleaseTags"; readonly value: readonly string[] } | undefined;
}

interface BuiltInRole {
  readonly description: string;
  readonly sets: readonly ScopedSet[];
}

/** Who has this role is an administrator. A tenant always has one. */
export const ADMINISTRATOR = "RBAC_ROLE_PERMIT_ALL";

/** The roles that every tenant has, under Mender's names. What is not named here is denied. */
export const BUILT_IN_ROLES: Readonly<Record<string, BuiltInRole>> = {
  [ADMINISTRATOR]: { description: "Administrators: everything.", sets: [{ name: "SuperUser" }] },
  RBAC_ROLE_OBSERVER: {
    description: "Sees devices, deployments and releases, and changes nothing.",
    sets: [{ name: "ReadDevices" }, { name: "ReadReleases" }],
  },
  RBAC_ROLE_CI: {
    description: "For build servers: uploads, changes and deletes Artifacts, without access to devices.",
    sets: [{ name: "ReadReleases" }, { name: "ManageReleases" }, { name: "UploadArtifacts" }],
  },
  RBAC_ROLE_DEPLOYMENTS_MANAGER: {
    description: "Creates and aborts deployments.",
    sets: [{ name: "DeployToDevices" }, { name: "ReadReleases" }],
  },
  RBAC_ROLE_REMOTE_TERMINAL: {
    description: "Opens terminals on devices.",
    sets: [{ name: "ConnectToDevices" }],
  },
};
