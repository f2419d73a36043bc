import { AgentError } from "../errors/agent-error.ts";
import { manifestValue } from "../util/manifest-value.ts";
import { readSmallFile } from "../util/small-file.ts";

/**
 * Reads the device type from its file: one line `device_type=<value>`.
 *
 * @throws {AgentError} DEVICE_TYPE_FILE
 */
export async function readDeviceType(path: string): Promise<string> {
  let text: string;
  try {
    text = readSmallFile(path);
  } catch (cause) {
    throw new AgentError("DEVICE_TYPE_FILE", { file: path }, cause);
  }
  const type = manifestValue(text, "device_type");
  if (type === undefined || type === "") throw new AgentError("DEVICE_TYPE_FILE", { file: path });
  return type;
}
