import { AgentError } from "../../errors/agent-error.ts";
import { type ByteSource, fromIterable } from "../../util/byte-source.ts";
import { openFileSource } from "../../util/file-source.ts";
import { type Endable, endWith } from "../../util/pipe.ts";
import { shownUrl } from "../../util/shown-url.ts";
import type { DownloadParts } from "./download-parts.ts";

/** Whoever waits at a terminal is to learn of a mistyped address soon. */
const FIRST_RETRIES = 3;

/**
 * Opens what the command line names: a path (also of a named pipe), `-` for standard input, or an http(s) address. A plain
 * `http:` address is allowed, because the Artifact's own signature protects it.
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
    // The cause repeats the name, and an address may hold a password.
    if (/^[a-z][a-z0-9+.-]*:\/\//i.test(name))
      throw new AgentError("SOURCE_OPEN", { url: shownUrl(name), reason: "neither http nor https" });
    throw new AgentError("SOURCE_OPEN", { file: name }, cause);
  }
}
