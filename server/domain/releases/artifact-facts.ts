/** What an Artifact says before its data. */
export interface ArtifactHead {
  readonly name: string;
  readonly formatVersion: number;
  readonly signed: boolean;
  readonly deviceTypes: readonly string[];
  /** Of the whole Artifact, without the device type. */
  readonly depends: Readonly<Record<string, readonly string[]>>;
  readonly provides: Readonly<Record<string, string>>;
  readonly clearsProvides: readonly string[];
  readonly scripts: readonly string[];
}

/** What a signature is made for, and the signature, as the Artifact has them. */
export interface ArtifactSignature {
  readonly manifest: Uint8Array;
  readonly signature: Uint8Array;
}

/** What a whole Artifact contains. */
export interface ArtifactFacts extends ArtifactHead {
  /** `undefined`: it is not signed. */
  readonly signature: ArtifactSignature | undefined;
  readonly updates: readonly {
    readonly type: string | null;
    readonly files: readonly {
      readonly name: string;
      readonly checksum: string;
      readonly size: number;
      readonly date: string;
    }[];
    readonly metadata: Record<string, unknown>;
  }[];
}

type Accepts = Pick<ArtifactHead, "deviceTypes" | "depends">;

/**
 * Whether some device could take either of two Artifacts of one name, because they ask the same of it: they share a
 * device type, and depend on the same keys with values in common.
 */
export function conflicts(a: Accepts, b: Accepts): boolean {
  const keys = Object.keys(a.depends);
  return (
    overlap(a.deviceTypes, b.deviceTypes) &&
    keys.length === Object.keys(b.depends).length &&
    keys.every((key) => overlap(a.depends[key] ?? [], b.depends[key] ?? []))
  );
}

const overlap = (a: readonly string[], b: readonly string[]): boolean => a.some((value) => b.includes(value));
