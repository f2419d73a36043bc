import { AgentError } from "../../errors/agent-error.ts";
import { type ByteSource, fromIterable } from "../../util/byte-source.ts";
import { openFileSource } from "../../util/file-source.ts";
import { type Endable, endWith } from "../../util/pipe.ts";
import { shownUrl } from "../../util/shown-url.ts";
import type { DownloadParts } from "./download-parts.ts";

/** Few retries, so that a user at a terminal soon learns of a mistyped address. */
const FIRST_RETRIES = 3;

/**
 * Opens the source named on the command line: a path (including a named pipe), `-` for standard input, or an http(s)
 * URL. A plain `http:` URL is allowed, because the Artifact's signature protects it.
 *
 * @throws {AgentError} SOURCE_OPEN, and the codes of `openDownload`
 */
export async function openSource(
  name: string,
  stdin: AsyncIterable<Uint8Array> & Endable,
  parts: () => Promise<DownloadParts>,
  signal: AbortSignal,
): Promise<ByteSource> {
  if (name === "-") {
    return fromIterable(endWith(stdin, signal));
  }
  if (/^https?:\/\//i.test(name)) {
    const { openDownload } = await import("./download.ts");
    return await openDownload({ uri: name, retries: FIRST_RETRIES }, await parts(), signal);
  }
  try {
    return await openFileSource(name, signal);
  } catch (cause) {
    // The cause would repeat the name, and a URL may contain a password.
    if (/^[a-z][a-z0-9+.-]*:\/\//i.test(name))
      throw new AgentError("SOURCE_OPEN", { url: shownUrl(name), reason: "neither http nor https" });
    throw new AgentError("SOURCE_OPEN", { file: name }, cause);
  }
}
