/** Versions of installed packages, from the status file that dpkg and opkg keep. */
function packageVersions(status: string): ReadonlyMap<string, string> {
  const versions = new Map<string, string>();
  for (const paragraph of status.split(/\n\s*\n/)) {
    const field = (name: string): string | undefined => new RegExp(`^${name}:[ \\t]*(.*)$`, "m").exec(paragraph)?.[1];
    const [name, version] = [field("Package"), field("Version")];
    if (name === undefined || version === undefined || !/\binstalled$/.test(field("Status") ?? "")) continue;
    versions.set(name, version);
  }
  return versions;
}

const STATUS_FILES = ["/var/lib/dpkg/status", "/var/lib/opkg/status", "/usr/lib/opkg/status"];

/** @param text reads a file of the system */
export async function installedPackages(
  text: (path: string) => Promise<string | undefined>,
): Promise<ReadonlyMap<string, string>> {
  for (const file of STATUS_FILES) {
    const status = await text(file);
    if (status !== undefined) return packageVersions(status);
  }
  return new Map();
}
