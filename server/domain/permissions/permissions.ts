/**
 * What a person may do, in Mender's words. Each route asks for one of them. Today every person has all of them; roles
 * will give some.
 */
export const PERMISSIONS = [
  ...["ReadDevices", "ManageDevices", "ReadReleases", "UploadArtifacts", "ManageReleases"],
  ...["ReadDeployments", "DeployToDevices", "ConfigureDevices", "ReadUsers", "ManageUsers", "ReadAuditLogs"],
  // Webhooks.
  ...["ReadIntegrations", "ManageIntegrations"],
  // One's own account, tokens and settings.
  "Basic",
] as const;

export type Permission = (typeof PERMISSIONS)[number];
