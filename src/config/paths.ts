import { join } from "node:path";

/** Locations of files on a device. */
export interface Paths {
  readonly confDir: string;
  readonly dataDir: string;
  readonly datastore: string;
  readonly mainConfig: string;
  readonly fallbackConfig: string;
  readonly bootstrapArtifact: string;
  /** Written by image builders for old clients; the agent takes the first artifact name from it. */
  readonly artifactInfo: string;
  readonly lockFile: string;
}

export interface PathOptions {
  readonly config?: string | undefined;
  readonly fallbackConfig?: string | undefined;
  readonly datastore?: string | undefined;
}

/** Command line first, then MENDER_CONF_DIR, MENDER_DATA_DIR and MENDER_DATASTORE_DIR, then the defaults. */
export function resolvePaths(options: PathOptions, env: Readonly<Record<string, string | undefined>>): Paths {
  const confDir = env["MENDER_CONF_DIR"] ?? "/etc/mender";
  const datastore = options.datastore ?? env["MENDER_DATASTORE_DIR"] ?? "/var/lib/mender";
  const mainConfig = options.config ?? join(confDir, "mender.conf");
  return {
    confDir,
    dataDir: env["MENDER_DATA_DIR"] ?? "/usr/share/mender",
    datastore,
    mainConfig,
    fallbackConfig: options.fallbackConfig ?? join(datastore, "mender.conf"),
    bootstrapArtifact: join(datastore, "bootstrap.mender"),
    artifactInfo: join(confDir, "artifact_info"),
    lockFile: join(datastore, "switchback.lock"),
  };
}
