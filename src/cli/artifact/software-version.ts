/** What the options say about the keys of the software version. */
export interface SoftwareOptions {
  readonly artifactName: string;
  readonly filesystem?: string | undefined;
  readonly name?: string | undefined;
  readonly version?: string | undefined;
  /** Payload type of a module; undefined for a rootfs-image, whose key has no middle part by default. */
  readonly payloadType?: string | undefined;
  readonly defaultVersion: boolean;
  readonly defaultClears: boolean;
}

const FILESYSTEM = "rootfs-image";
/** What a new root file system makes obsolete: its predecessor's group, and the old key of the checksum. */
const ROOTFS_CLEARS = ["artifact_group", "rootfs_image_checksum"];

/**
 * Provides of the software version as mender-artifact 3.9 writes them: FILESYSTEM[.NAME].version.
 * Without the defaults, only the given options count.
 */
export function softwareProvides(options: SoftwareOptions): Record<string, string> {
  const { filesystem = FILESYSTEM, defaultVersion } = options;
  const name = options.name || (defaultVersion ? options.payloadType : undefined);
  const version = options.version || (defaultVersion ? options.artifactName : undefined);
  return version === undefined ? {} : { [[filesystem, name, "version"].filter(Boolean).join(".")]: version };
}

/** Globs to clear, as mender-artifact 3.9 writes them: the requested ones first, then the defaults. */
export function softwareClears(asked: readonly string[], options: SoftwareOptions): string[] {
  if (!options.defaultVersion || !options.defaultClears) return [...asked];
  const { filesystem = FILESYSTEM } = options;
  const name = options.name || options.payloadType;
  const whole = name === undefined && filesystem === FILESYSTEM;
  const glob = name === undefined ? `${filesystem}.*` : `${filesystem}.${name}.*`;
  return [...asked, ...(whole ? ROOTFS_CLEARS : []), ...(asked.includes(glob) ? [] : [glob])];
}
