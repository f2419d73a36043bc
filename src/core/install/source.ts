import { AgentError } from "../../errors/agent-error.ts";
import { type ByteSource, fromIterable } from "../../util/byte-source.ts";
import { openFileSource } from "../../util/file-source.ts";
import type { DownloadParts } from "./download.ts";

/**
 * Opens what the command line names: a path, `-` for standard input, or an http(s) address. A plain
 * `http:` address is allowed, because the Artifact's own signature protects it.
 *
 * @throws {AgentError} SOURCE_OPEN, and the codes of `openDownload`
 */
export async function openSource(
  name: string,
  stdin: AsyncIterable<Uint8Array>,
  parts: () => Promise<DownloadParts>,
  signal: AbortSignal,
): Promise<ByteSource> {
  if (name === "-") return fromIterable(stdin);
  if (/^https?:\/\//.test(name)) {
    const { openDownload } = await import("./download.ts");
    return await openDownload({ uri: name }, await parts(), signal);
  }
  try {
    return await openFileSource(name);
  } catch (cause) {
    throw new AgentError("SOURCE_OPEN", { file: name }, cause);
  }
}
