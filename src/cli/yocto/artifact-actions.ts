import { agentShare } from "../../../image/yocto/agent-share.ts";
import { sizeOf } from "../../../image/yocto/file-size.ts";
import { listOf, readVariables, type Variables, valueIn } from "../../../image/yocto/read-variables.ts";
import { settingsOf } from "../../../image/yocto/settings.ts";
import { checkRootfs } from "../../../image/yocto/slot-size.ts";
import { localReads } from "../../agent/files.ts";
import type { CliIo } from "../../agent/io.ts";
import { AgentError } from "../../errors/agent-error.ts";
import { namedArtifactTool } from "./artifact-tool.ts";
import { splitWords } from "./split-words.ts";

interface ArtifactOptions {
  readonly variables: string;
  readonly output: string;
  readonly progress: boolean;
  readonly scripts?: string;
}

const EXTRA = "MENDER_ARTIFACT_EXTRA_ARGS";
const KEY = "MENDER_ARTIFACT_SIGNING_KEY";
const COMPRESSION = "SWITCHBACK_ARTIFACT_COMPRESSION";

/** @throws {AgentError} YOCTO_VARIABLE, YOCTO_VARIABLE_MISSING, YOCTO_SPACE, YOCTO_ROOTFS_SPACE, and those of `artifact write` */
export async function rootfsArtifact(options: ArtifactOptions & { readonly rootfs: string }, io: CliIo): Promise<void> {
  const { rootfs } = options;
  const variables = readVariables(options.variables);
  await checkRootfs(settingsOf(variables), await sizeOf(rootfs), () => agentShare(rootfs, io.signal));
  const words = await imageWords(variables, options);
  await namedArtifactTool(["write", "rootfs-image", "--file", rootfs, ...words], variables, io);
}

interface ModuleOptions extends ArtifactOptions {
  readonly type: string;
  readonly files?: readonly string[];
  readonly metaData?: string;
}

/** @throws {AgentError} YOCTO_VARIABLE, YOCTO_VARIABLE_MISSING, and those of `artifact write` */
export async function moduleArtifact(options: ModuleOptions, io: CliIo): Promise<void> {
  const { type, files = [], metaData } = options;
  const variables = readVariables(options.variables);
  const payload = [
    "--type",
    type,
    ...each("--file", files),
    ...(metaData === undefined ? [] : ["--meta-data", metaData]),
  ];
  await namedArtifactTool(
    ["write", "module-image", ...payload, ...(await imageWords(variables, options))],
    variables,
    io,
  );
}

/** @throws {AgentError} YOCTO_VARIABLE, YOCTO_VARIABLE_MISSING, and those of `artifact write` */
export async function bootstrapArtifact(options: ArtifactOptions, io: CliIo): Promise<void> {
  const variables = readVariables(options.variables);
  const name = nameOf(variables);
  const version = ["--provides", `rootfs-image.version:${name}`, "--clears-provides", "rootfs-image.*"];
  const words = ["write", "bootstrap-artifact", ...identity(variables, name), ...version, ...outputWords(options)];
  await namedArtifactTool(words, variables, io);
}

/** The options of `artifact write` that the variables mean. */
async function imageWords(variables: Variables, options: ArtifactOptions): Promise<readonly string[]> {
  const group = valueIn(variables, "MENDER_ARTIFACT_PROVIDES_GROUP");
  const extra = splitWords(valueIn(variables, EXTRA) ?? "", EXTRA);
  refuseTwice(variables, extra, COMPRESSION, ["--compression"]);
  refuseTwice(variables, extra, KEY, ["-k", "--key", "--key-pkcs11", "--signer"]);
  const compression = variables.get(COMPRESSION);
  return [
    ...identity(variables, nameOf(variables)),
    ...each("--provides", listOf(variables, "MENDER_ARTIFACT_PROVIDES")),
    ...(group === undefined ? [] : ["--provides-group", group]),
    ...each("--depends", listOf(variables, "MENDER_ARTIFACT_DEPENDS")),
    ...each("--depends-groups", listOf(variables, "MENDER_ARTIFACT_DEPENDS_GROUPS")),
    ...each("--artifact-name-depends", listOf(variables, "MENDER_ARTIFACT_NAME_DEPENDS")),
    ...(compression === undefined ? [] : ["--compression", compression]),
    ...signing(variables),
    ...(await scriptWords(options)),
    ...extra,
    ...outputWords(options),
  ];
}

function nameOf(variables: Variables): string {
  const name = valueIn(variables, "MENDER_ARTIFACT_NAME");
  if (name === undefined) throw new AgentError("YOCTO_VARIABLE_MISSING", { variable: "MENDER_ARTIFACT_NAME" });
  return name;
}

function identity(variables: Variables, name: string): readonly string[] {
  const types = listOf(variables, "MENDER_DEVICE_TYPES_COMPATIBLE");
  const all = types.length === 0 ? [settingsOf(variables).deviceType] : types;
  return ["--artifact-name", name, ...each("--device-type", all)];
}

/** A key in a file or a token, or a command that signs. With a command, the key for the device checks the signature. */
function signing(variables: Variables): readonly string[] {
  const [key, signer] = [valueIn(variables, KEY), valueIn(variables, "SWITCHBACK_SIGNER")];
  const passphrase = valueIn(variables, "SWITCHBACK_SIGNING_KEY_PASSPHRASE_FILE");
  if (signer !== undefined && key !== undefined) throw contradiction("SWITCHBACK_SIGNER", signer, KEY);
  if (signer !== undefined) {
    const publicKey = valueIn(variables, "MENDER_ARTIFACT_VERIFY_KEY");
    return ["--signer", signer, ...(publicKey === undefined ? [] : ["--key", publicKey])];
  }
  if (key === undefined) return [];
  return ["--key", key, ...(passphrase === undefined ? [] : ["--key-passphrase-file", passphrase])];
}

function refuseTwice(
  variables: Variables,
  extra: readonly string[],
  variable: string,
  options: readonly string[],
): void {
  const given = extra.find((word) => options.some((option) => word === option || word.startsWith(`${option}=`)));
  if (given !== undefined && variables.has(variable)) throw contradiction(EXTRA, given, variable);
}

const contradiction = (variable: string, value: string, other: string): AgentError =>
  new AgentError("YOCTO_VARIABLE", { variable, value, reason: `${other} is set as well` });

/** A folder without scripts is as good as none. */
async function scriptWords({ scripts }: ArtifactOptions): Promise<readonly string[]> {
  if (scripts === undefined) return [];
  const names = await localReads.list(scripts).catch((cause: unknown) => {
    throw new AgentError("SCRIPT_UNREADABLE", { path: scripts }, cause);
  });
  return names.length === 0 ? [] : ["--script", scripts];
}

const outputWords = ({ output, progress }: ArtifactOptions): readonly string[] => [
  ...["--output-path", output],
  ...(progress ? [] : ["--no-progress"]),
];

const each = (option: string, values: readonly string[]): readonly string[] =>
  values.flatMap((value) => [option, value]);
