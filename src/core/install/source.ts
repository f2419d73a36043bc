import { AgentError } from "../../errors/agent-error.ts";
import type { Transport } from "../../ports/transport.ts";
import { type ByteSource, fromIterable } from "../../util/byte-source.ts";
import { openFileSource } from "../../util/file-source.ts";

/**
 * Opens what the command line names: a path, `-` for standard input, or an http(s) address. A plain
 * `http:` address is allowed, because the Artifact's own signature protects it.
 *
 * @throws {AgentError} SOURCE_OPEN, SOURCE_STATUS, TRANSPORT_FAILED
 */
export async function openSource(
  name: string,
  stdin: AsyncIterable<Uint8Array>,
  transport: () => Promise<Transport>,
  signal: AbortSignal,
): Promise<ByteSource> {
  if (name === "-") return fromIterable(stdin);
  if (/^https?:\/\//.test(name)) return download(name, await transport(), signal);
  try {
    return await openFileSource(name);
  } catch (cause) {
    throw new AgentError("SOURCE_OPEN", { file: name }, cause);
  }
}

async function download(url: string, transport: Transport, signal: AbortSignal): Promise<ByteSource> {
  const response = await transport.send({ method: "GET", url, followRedirects: true }, signal);
  const body = fromIterable(response.body);
  if (response.status !== 200) {
    await body.close();
    throw new AgentError("SOURCE_STATUS", { url, status: response.status });
  }
  return {
    read: (into) => body.read(into),
    async close() {
      await body.close();
      await transport.close();
    },
  };
}
