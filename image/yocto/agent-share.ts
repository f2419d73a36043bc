import { createExtFiles } from "../files/ext-files.ts";
import type { ImageFiles } from "../files/image-files.ts";
import { sizeOf } from "./file-size.ts";
import { toMb } from "./numbers.ts";

const AGENT = "/usr/lib/switchback";
/** Node, and the libraries that it brings. */
const NODE = ["/usr/bin/node", "/usr/lib/node_modules"];
const LIBRARIES = /^lib(?:icu|node|uv|cares|nghttp2|ada|simdjson)/;

/** What the agent and Node take of a root filesystem, in words, for somebody who must find space. */
export async function agentShare(rootfs: string, signal: AbortSignal): Promise<string> {
  const files = createExtFiles({ path: rootfs, offset: 0, size: await sizeOf(rootfs) });
  try {
    const agent = await bytesBelow(files, AGENT, signal);
    let node = 0;
    for (const path of NODE) node += await bytesBelow(files, path, signal);
    for (const folder of ["/usr/lib", "/lib"]) {
      const found = (await files.look(folder, signal))?.kind === "folder" ? await files.list(folder, signal) : [];
      for (const { name, kind, size } of found) if (kind === "file" && LIBRARIES.test(name)) node += size;
    }
    return `the agent takes ${toMb(agent)} MB of it, and Node with its libraries ${toMb(node)} MB`;
  } catch {
    signal.throwIfAborted();
    // ignored: the share only helps; the filesystem may be of a kind that cannot be read.
    return "unknown";
  }
}

async function bytesBelow(files: ImageFiles, path: string, signal: AbortSignal): Promise<number> {
  const found = await files.look(path, signal);
  if (found === undefined) return 0;
  if (found.kind !== "folder") return found.size;
  let bytes = 0;
  for (const { name, kind, size } of await files.list(path, signal))
    bytes += kind === "folder" ? await bytesBelow(files, `${path}/${name}`, signal) : size;
  return bytes;
}
