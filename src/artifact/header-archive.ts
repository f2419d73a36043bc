import { type ExtractEvents, extract, type Header } from "tar-stream";
import { AgentError } from "../errors/agent-error.ts";
import type { ArtifactLimits } from "./limits.ts";
import { checkMemberName } from "./tar/member-name.ts";

export interface HeaderMember {
  readonly name: string;
  readonly content: Uint8Array;
}

/**
 * Regular files of an unpacked header.tar, in its order; directories are passed over.
 *
 * @throws {AgentError} ARTIFACT_TAR_HEADER, ARTIFACT_TRUNCATED, ARTIFACT_MEMBER_NAME,
 * ARTIFACT_MEMBER_TYPE, ARTIFACT_MEMBER_DUPLICATE, ARTIFACT_LIMIT
 */
export async function unpackHeader(tar: Buffer, limits: ArtifactLimits): Promise<readonly HeaderMember[]> {
  const extractor = extract();
  const members = new Map<string, HeaderMember>();
  try {
    extractor.end(tar);
    for await (const entry of extractor) {
      const member = await readEntry(entry.header, entry, limits);
      if (member === undefined) continue;
      if (members.has(member.name)) {
        throw new AgentError("ARTIFACT_MEMBER_DUPLICATE", { in: "header", name: member.name });
      }
      members.set(member.name, member);
      if (members.size > limits.members) throw new AgentError("ARTIFACT_LIMIT", { part: "members of the header" });
    }
  } catch (cause) {
    if (cause instanceof AgentError) throw cause;
    throw new AgentError("ARTIFACT_TAR_HEADER", { in: "header" }, cause);
  } finally {
    extractor.destroy();
  }
  return [...members.values()];
}

async function readEntry(
  { name, type, size }: Header,
  entry: ExtractEvents["entry"][1],
  limits: ArtifactLimits,
): Promise<HeaderMember | undefined> {
  checkMemberName(name);
  if (type === "directory" && size === 0) return undefined;
  // A type that tar-stream does not know comes as null.
  if (type !== "file") throw new AgentError("ARTIFACT_MEMBER_TYPE", { in: "header", name, type: String(type) });
  const maxBytes = name.startsWith("scripts/") ? limits.headerBytes : limits.documentBytes;
  if (!(size <= maxBytes)) throw new AgentError("ARTIFACT_LIMIT", { part: name, maxBytes });
  const content = Buffer.alloc(size);
  let filled = 0;
  for await (const chunk of entry) {
    if (!(chunk instanceof Uint8Array)) throw new TypeError("tar-stream has to yield bytes");
    content.set(chunk, filled);
    filled += chunk.length;
  }
  return { name, content };
}
