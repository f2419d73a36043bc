import type { HeaderEdit } from "../../artifact/edit/header-edit.ts";
import { findScripts } from "../../artifact/script-files.ts";
import { AgentError } from "../../errors/agent-error.ts";
import type { AgentFiles } from "./files/modify-image.ts";
import type { SigningOptions } from "./signing-options.ts";
import { keyValues, readMetaData } from "./write-request.ts";

/** Options of `modify` after parsing. */
export interface ModifyOptions extends SigningOptions {
  readonly artifactName?: string;
  readonly name?: string;
  readonly artifactNameDepends?: readonly string[];
  readonly dependsGroups?: readonly string[];
  readonly providesGroup?: string;
  readonly compatibleTypes?: readonly string[];
  readonly deviceType?: readonly string[];
  readonly provides?: readonly string[];
  readonly depends?: readonly string[];
  readonly clearsProvides?: readonly string[];
  readonly deleteClearsProvides?: readonly string[];
  readonly metaData?: string;
  readonly script?: readonly string[];
  readonly compression?: string;
  readonly outputPath?: string;
  readonly serverUri?: string;
  readonly serverCert?: string;
  readonly verificationKey?: string;
  readonly tenantToken?: string;
  readonly progress: boolean;
  readonly json?: true;
}

/** @throws {AgentError} OPTION_INVALID, META_DATA_INVALID, SCRIPT_UNREADABLE, SCRIPT_NAME, SCRIPT_DUPLICATE */
export async function headerEditOf(options: ModifyOptions, signal: AbortSignal): Promise<HeaderEdit> {
  const { provides, depends, metaData, script } = options;
  const edit = {
    name: options.name ?? options.artifactName,
    group: options.providesGroup,
    deviceTypes: options.deviceType ?? options.compatibleTypes,
    dependsNames: options.artifactNameDepends,
    dependsGroups: options.dependsGroups,
    provides: provides && keyValues("--provides", provides),
    depends: depends && keyValues("--depends", depends),
    addClears: options.clearsProvides,
    deleteClears: options.deleteClearsProvides,
    metaData: metaData === undefined ? undefined : await readMetaData(metaData, signal),
    addScripts: script && (await findScripts(script)),
  };
  return withoutUndefined(edit);
}

/** The files inside an image that the options change; `undefined` if they name none. */
export function agentFilesOf(options: ModifyOptions): AgentFiles | undefined {
  const { serverUri, serverCert, verificationKey, tenantToken } = options;
  const files = withoutUndefined({ serverUri, serverCert, verificationKey, tenantToken });
  return Object.keys(files).length === 0 ? undefined : files;
}

/** Options that also apply to an image outside of an Artifact. */
const FOR_IMAGES: ReadonlySet<string> = new Set([
  ...["name", "artifactName", "serverUri", "serverCert", "verificationKey", "tenantToken", "progress", "json", "tmp"],
  ...["key", "keyPkcs11", "signer", "signerTimeout"],
]);

/** @throws {AgentError} OPTION_INVALID */
export function refuseForImage(options: ModifyOptions): void {
  const name = Object.keys(options).find((key) => !FOR_IMAGES.has(key));
  if (name === undefined) return;
  const option = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  throw new AgentError("OPTION_INVALID", { option, reason: "it applies only to Artifacts" });
}

type Defined<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

const withoutUndefined = <T extends object>(value: T): Defined<T> =>
  Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined)) as Defined<T>;
