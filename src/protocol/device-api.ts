import { isJsonObject } from "../util/json-object.ts";
/** `GET` and `POST …/deployments/device/deployments/next`, status 200: the members that the agent uses. */
export interface NextDeployment {
  readonly id: string;
  readonly artifact: {
    /** The server's name for it; the name in the Artifact's header is authoritative. */
    readonly artifact_name?: string;
    readonly source: { readonly uri: string };
  };
}

/**
 * Extracts a deployment from the server's JSON and ignores unused members. Validates by hand (ADR 17).
 *
 * @returns the deployment, or the name of the first invalid member
 */
export function readNextDeployment(value: unknown): NextDeployment | string {
  if (!isJsonObject(value)) return "the whole of it";
  const { id, artifact } = value;
  if (!isText(id)) return "id";
  if (!isJsonObject(artifact)) return "artifact";
  const { artifact_name: name, source } = artifact;
  if (name !== undefined && !(typeof name === "string" && isWellFormed(name))) return "artifact.artifact_name";
  if (!isJsonObject(source)) return "artifact.source";
  const { uri } = source;
  if (!isText(uri)) return "artifact.source.uri";
  return { id, artifact: { ...(name !== undefined && { artifact_name: name }), source: { uri } } };
}

const isText = (value: unknown): value is string => typeof value === "string" && value !== "" && isWellFormed(value);

/** A lone surrogate, which JSON can escape, is not valid in a URL, log or file name. */
const isWellFormed = (text: string): boolean => !/\p{Cs}/u.test(text);
