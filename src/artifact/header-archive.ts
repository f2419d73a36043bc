import { AgentError } from "../errors/agent-error.ts";
import { bufferSource } from "../util/byte-source.ts";
import type { ArtifactLimits } from "./limits.ts";
import { TarScanner } from "./tar/scanner.ts";

export interface HeaderMember {
  readonly name: string;
  readonly content: Uint8Array;
}

/**
 * Regular files of an unpacked header.tar, in its order; directories are passed over. The scanner is that of the
 * payloads: a header that only a lenient reader understands must not mean one thing here and another elsewhere.
 *
 * @returns members whose contents are views of `tar`
 * @throws {AgentError} ARTIFACT_TAR_HEADER, ARTIFACT_TRUNCATED, ARTIFACT_TRAILING_DATA, ARTIFACT_MEMBER_NAME,
 * ARTIFACT_MEMBER_TYPE, ARTIFACT_MEMBER_DUPLICATE, ARTIFACT_LIMIT
 */
export async function unpackHeader(tar: Buffer, limits: ArtifactLimits): Promise<readonly HeaderMember[]> {
  const source = bufferSource(tar);
  const scanner = new TarScanner(source, "header", limits);
  const members = new Map<string, HeaderMember>();
  for (;;) {
    const member = await scanner.next();
    if (member === undefined) break;
    const { name, sizeBytes } = member;
    if (members.has(name)) throw new AgentError("ARTIFACT_MEMBER_DUPLICATE", { in: "header", name });
    const maxBytes = name.startsWith("scripts/") ? limits.headerBytes : limits.documentBytes;
    if (sizeBytes > maxBytes) throw new AgentError("ARTIFACT_LIMIT", { part: name, maxBytes });
    const content = source.view(sizeBytes);
    scanner.passOver(content.length);
    if (content.length < sizeBytes) throw new AgentError("ARTIFACT_TRUNCATED", { in: "header" });
    members.set(name, { name, content });
  }
  await scanner.expectZeros(limits.paddingBytes);
  return [...members.values()];
}
