import { AgentError } from "../../errors/agent-error.ts";
import { endWith, readSmallOrPipe, readSmallStream } from "../../util/pipe.ts";

/**
 * Reads the passphrase from a small file or a named pipe, or from standard input for `-`, which can be read only once.
 *
 * @param signal ends the wait for the writer of the pipe
 * @throws {AgentError} DEVICE_KEY when it cannot be read; the signal's reason
 */
export async function readPassphrase(passphraseFile: string, signal: AbortSignal): Promise<string> {
  try {
    const bytes =
      passphraseFile === "-"
        ? await readSmallStream(endWith(process.stdin, signal), "standard input")
        : await readSmallOrPipe(passphraseFile, signal);
    return bytes.toString("utf8").replace(/\r?\n$/, "");
  } catch (cause) {
    signal.throwIfAborted();
    throw new AgentError("DEVICE_KEY", { passphraseFile }, cause);
  }
}
