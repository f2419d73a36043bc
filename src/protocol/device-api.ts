/** `GET` and `POST …/deployments/device/deployments/next`, status 200: what of it counts here. */
export interface NextDeployment {
  readonly id: string;
  readonly artifact: {
    /** What the server calls it; the Artifact's own header is what counts. */
    readonly artifact_name?: string;
    readonly source: { readonly uri: string };
  };
}

/**
 * Takes a deployment out of the JSON that a server has sent; members that do not count are ignored. By hand: a daemon
 * that waits does without a library of schemas.
 *
 * @returns the name of the first member that is not right, where there is no deployment in it
 */
export function readNextDeployment(value: unknown): NextDeployment | string {
  if (!isRecord(value)) return "the whole of it";
  const { id, artifact } = value;
  if (!isText(id)) return "id";
  if (!isRecord(artifact)) return "artifact";
  const { artifact_name: name, source } = artifact;
  if (name !== undefined && !(typeof name === "string" && isWellFormed(name))) return "artifact.artifact_name";
  if (!isRecord(source)) return "artifact.source";
  const { uri } = source;
  if (!isText(uri)) return "artifact.source.uri";
  return { id, artifact: { ...(name !== undefined && { artifact_name: name }), source: { uri } } };
}

const isText = (value: unknown): value is string => typeof value === "string" && value !== "" && isWellFormed(value);

/** Half a surrogate pair, which JSON can escape, fits into no URL, log or file name. */
const isWellFormed = (text: string): boolean => !/\p{Cs}/u.test(text);

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
