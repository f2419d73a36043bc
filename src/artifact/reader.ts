import { createHash } from "node:crypto";
import { AgentError } from "../errors/agent-error.ts";
import type { PayloadStream } from "../ports/payload-handler.ts";
import { type ByteSource, bufferSource } from "../util/byte-source.ts";
import { decompress } from "./compression/decompress.ts";
import { type CompressionFormat, formatOf } from "./compression/formats.ts";
import { createRestartPoints } from "./compression/restart-points.ts";
import { CountedSource } from "./counted-source.ts";
import type { HeaderTakers } from "./header-archive.ts";
import { parseDocument, VERSION } from "./header-documents.ts";
import { readHeaderMember } from "./header-member.ts";
import { type ArtifactLimits, DEFAULT_LIMITS } from "./limits.ts";
import { type Manifest, parseManifest } from "./manifest.ts";
import type { ArtifactInfo, SignatureStatus } from "./model.ts";
import { OuterMembers } from "./outer-members.ts";
import type { PayloadPosition } from "./payload-position.ts";
import { type Checkpointing, PayloadReader } from "./payload-reader.ts";
import { readAhead } from "./read-ahead.ts";
import { type VerificationKey, verifySignature } from "./signature.ts";
import { TarScanner } from "./tar/scanner.ts";

export interface ReaderOptions extends HeaderTakers {
  /**
   * With at least one key, the Artifact must carry a signature that one of them verifies. Without keys, a signature is
   * reported and otherwise ignored (this is also the way to read a bootstrap Artifact).
   */
  readonly verifyKeys?: readonly VerificationKey[];
  /** Gets the manifest of a signed Artifact and the content of `manifest.sig`, for keys that are known later. */
  takeSignature?(manifest: Uint8Array, signature: Uint8Array): void;
  /** Version 2 is only for display and validation; a device installs only version 3, the default. */
  readonly allowVersion2?: boolean;
  readonly limits?: Partial<ArtifactLimits>;
  /** Records how far the first file of the first payload is stored. */
  keep?(position: PayloadPosition): Promise<void>;
}

/** The position of an interrupted run, and the way to get there. */
export interface PayloadResume {
  readonly position: PayloadPosition;
  /** Makes the source continue at that byte. It must not have delivered bytes after `position.headBytes` yet. */
  jump(artifactByte: number): void;
}

export interface ArtifactReader {
  /** Everything before the first payload: verified against the manifest, and the manifest against the keys. */
  readonly info: ArtifactInfo;
  /**
   * The next payload; `undefined` after the last. First reads and verifies the rest of the previous one.
   *
   * @param resume starts the first payload in the middle of its file
   * @throws {AgentError} ARTIFACT_TRUNCATED if the position does not belong to this Artifact
   */
  nextPayload(resume?: PayloadResume): Promise<(PayloadStream & { readonly index: number }) | undefined>;
  /**
   * Reads and verifies the rest. When it resolves, every checksum of the manifest matches, every entry exists, and only
   * zeros follow the last member.
   */
  finish(): Promise<void>;
  /** Releases the source and any child process. Idempotent. */
  close(): Promise<void>;
}

/**
 * Reads an Artifact up to its first payload, in one pass and with bounded memory. Any invalid input ends in an
 * AgentError; only `storeScript` and `storeMetaData` write anything.
 *
 * @param source closed by `close` of the result, and when this rejects
 * @throws {AgentError} ARTIFACT_READ, ARTIFACT_TRUNCATED, ARTIFACT_CHECKSUM, ARTIFACT_TAR_HEADER, ARTIFACT_MEMBER_NAME,
 * ARTIFACT_MEMBER_TYPE, ARTIFACT_MEMBER_DUPLICATE, ARTIFACT_MEMBER_MISSING, ARTIFACT_MEMBER_UNEXPECTED,
 * ARTIFACT_TRAILING_DATA, ARTIFACT_LIMIT, ARTIFACT_VERSION, ARTIFACT_AUGMENTED, ARTIFACT_MANIFEST, ARTIFACT_HEADER,
 * ARTIFACT_COMPRESSED_DATA, ARTIFACT_NOT_SIGNED, ARTIFACT_SIGNATURE, DECOMPRESSOR_MISSING
 * @see Artifact format v3
 */
export async function openArtifact(source: ByteSource, options: ReaderOptions = {}): Promise<ArtifactReader> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const counted = new CountedSource(readAhead(source));
  const members = new OuterMembers(new TarScanner(counted, "artifact", limits));
  try {
    const versionBytes = await members.readWhole("version", limits.documentBytes);
    const version = readVersion(versionBytes, options.allowVersion2 === true);
    const manifestBytes = await members.readWhole("manifest", limits.documentBytes);
    const signature = await readSignature(members, manifestBytes, options, limits);
    const manifest = parseManifest(manifestBytes);
    verifyChecksum("version", versionBytes, manifest.version);
    const format = await expectHeader(members, manifest);
    const header = await readHeaderMember(members, manifest, { format, version, limits, takers: options });
    const info: ArtifactInfo = { version, compression: format.compression, signature, ...header };
    return new OpenArtifact(info, members, source, counted, limits, options.keep?.bind(options));
  } catch (error) {
    await source.close();
    throw error;
  }
}

function readVersion(bytes: Uint8Array, allowVersion2: boolean): 2 | 3 {
  const { version } = parseDocument(VERSION, bytes, "version");
  if (version === 3 || (version === 2 && allowVersion2)) return version;
  throw new AgentError("ARTIFACT_VERSION", { version, supported: allowVersion2 ? "2 and 3" : 3 });
}

async function readSignature(
  members: OuterMembers,
  manifest: Uint8Array,
  options: ReaderOptions,
  limits: ArtifactLimits,
): Promise<SignatureStatus> {
  const keys = options.verifyKeys ?? [];
  if ((await members.peek()) !== "manifest.sig") {
    if (keys.length > 0) throw new AgentError("ARTIFACT_NOT_SIGNED");
    return { present: false };
  }
  const signature = await members.readWhole("manifest.sig", limits.documentBytes);
  options.takeSignature?.(manifest, signature);
  const status = verifySignature(manifest, signature, keys);
  if (keys.length > 0 && status.valid !== true) throw new AgentError("ARTIFACT_SIGNATURE", { keys: keys.length });
  return status;
}

function verifyChecksum(file: string, content: Uint8Array, expected: string): void {
  const actual = createHash("sha256").update(content).digest("hex");
  if (actual !== expected) throw new AgentError("ARTIFACT_CHECKSUM", { file, expected, actual });
}

async function expectHeader(members: OuterMembers, manifest: Manifest): Promise<CompressionFormat> {
  const name = await members.peek();
  const format = name === undefined ? undefined : formatOf(name, "header");
  if (format === undefined || name !== manifest.header.name) throw await members.unexpected(manifest.header.name);
  return format;
}

const SCRATCH_BYTES = 64 * 1024;

interface Unpacked {
  readonly plain: CountedSource;
  readonly checkpointing?: Checkpointing | undefined;
}

class OpenArtifact implements ArtifactReader {
  readonly info: ArtifactInfo;
  readonly #members: OuterMembers;
  readonly #source: ByteSource;
  readonly #limits: ArtifactLimits;
  #payload: PayloadReader | undefined;
  #unpacking: ByteSource | undefined;
  readonly #counted: CountedSource;
  readonly #keep: ReaderOptions["keep"];
  #index = 0;
  #closed: Promise<void> | undefined;

  constructor(
    info: ArtifactInfo,
    members: OuterMembers,
    source: ByteSource,
    counted: CountedSource,
    limits: ArtifactLimits,
    keep: ReaderOptions["keep"],
  ) {
    this.info = info;
    this.#members = members;
    this.#source = source;
    this.#counted = counted;
    this.#limits = limits;
    this.#keep = keep;
  }

  async nextPayload(resume?: PayloadResume): Promise<PayloadReader | undefined> {
    await this.#endPayload();
    const payload = this.info.payloads[this.#index];
    if (payload === undefined) return undefined;
    const index = this.#index;
    const base = `data/${String(index).padStart(4, "0")}`;
    const name = await this.#members.peek();
    const format = name === undefined ? undefined : formatOf(name, base);
    // A payload with nothing to install may omit its data member.
    if (format === undefined && payload.type !== null) throw await this.#members.unexpected(`${base}.tar`);
    if (format !== undefined) this.#members.take();
    this.#index += 1;
    const { plain, checkpointing } = format === undefined ? emptyTar() : await this.#unpack(format, resume);
    const options = { resumed: resume?.position, checkpointing };
    this.#payload = new PayloadReader(index, plain, name ?? base, payload.files, this.#limits, options);
    return this.#payload;
  }

  /** Decompresses the current member, from the position of an interrupted run if there is one. */
  async #unpack(format: CompressionFormat, resume: PayloadResume | undefined): Promise<Unpacked> {
    const headBytes = this.#counted.offset;
    if (resume !== undefined) this.#jump(resume, headBytes);
    const keep = this.#index === 1 ? this.#keep : undefined;
    const packedByte = (resume?.position.artifactByte ?? headBytes) - headBytes;
    const plainByte = resume?.position.plainByte ?? 0;
    const starts = keep && createRestartPoints(format.compression, { packedByte, plainByte });
    const member = new CountedSource(memberSource(this.#members.scanner), (bytes) => starts?.pass(bytes));
    this.#unpacking = await decompress(member, format);
    const plain = new CountedSource(this.#unpacking, undefined, plainByte);
    if (resume !== undefined) await passOver(plain, resume.position.fileByte + resume.position.storedBytes);
    const isKept = starts !== undefined && keep !== undefined;
    return { plain, checkpointing: isKept ? { starts, headBytes, keep } : undefined };
  }

  #jump({ position: { headBytes, artifactByte }, jump }: PayloadResume, actual: number): void {
    if (headBytes !== actual) throw new AgentError("ARTIFACT_TRUNCATED", { in: "artifact", headBytes, actual });
    this.#members.scanner.passOver(artifactByte - headBytes);
    jump(artifactByte);
  }

  async finish(): Promise<void> {
    while ((await this.nextPayload()) !== undefined);
    if ((await this.#members.peek()) !== undefined) throw await this.#members.unexpected("the end");
    // A source without a known length may send zeros for ever.
    await this.#members.scanner.expectZeros(this.#limits.paddingBytes);
  }

  close(): Promise<void> {
    this.#closed ??= this.#release();
    return this.#closed;
  }

  async #endPayload(): Promise<void> {
    await this.#payload?.finish();
    this.#payload = undefined;
    await this.#unpacking?.close();
    this.#unpacking = undefined;
  }

  async #release(): Promise<void> {
    await this.#unpacking?.close();
    await this.#source.close();
  }
}

/** A tar without members. */
const emptyTar = (): Unpacked => ({ plain: new CountedSource(bufferSource(new Uint8Array(1024))) });

/** The current member of `scanner`; closing it leaves the Artifact open. */
function memberSource(scanner: TarScanner): ByteSource {
  return { read: (into) => scanner.read(into), async close() {} };
}

/** Reads and drops bytes up to `toByte`. @throws {AgentError} ARTIFACT_TRUNCATED */
async function passOver(source: CountedSource, toByte: number): Promise<void> {
  const scratch = Buffer.allocUnsafe(SCRATCH_BYTES);
  while (source.offset < toByte) {
    const count = await source.read(scratch.subarray(0, toByte - source.offset));
    if (count === 0) throw new AgentError("ARTIFACT_TRUNCATED", { in: "artifact" });
  }
}
