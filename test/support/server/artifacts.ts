import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ArtifactRequest } from "../../../src/artifact/artifact-request.ts";
import { metaDataOf } from "../../../src/artifact/meta-data.ts";
import { moduleRequest } from "../../artifact/artifact-requests.ts";
import { writeArtifact } from "../write-artifact.ts";
import type { TestServer } from "./test-server.ts";

export const ARTIFACTS = "/api/management/v1/deployments/artifacts";

export interface ArtifactWishes extends Partial<ArtifactRequest> {
  readonly content?: string | Uint8Array;
  readonly metaData?: object;
  readonly provides?: Record<string, string>;
  readonly depends?: Record<string, string>;
}

/** The bytes of a small Artifact for the module `single-file`. */
export async function makeArtifact(wishes: ArtifactWishes = {}): Promise<Buffer> {
  const { content = "a payload", metaData, provides = {}, depends = {}, ...change } = wishes;
  const folder = await mkdtemp(join(tmpdir(), "artifact-"));
  try {
    const file = join(folder, "file");
    const path = join(folder, "out.mender");
    await writeFile(file, content);
    const payload = {
      ...{ files: [file], provides, depends },
      ...(metaData !== undefined && { metaData: metaDataOf(Buffer.from(JSON.stringify(metaData))) }),
    };
    await writeArtifact(moduleRequest(payload, change), path, () => {}, new AbortController().signal);
    return await readFile(path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Sends an Artifact as `mender-cli` does: size and description first, and no length of the whole. */
export function upload(
  { url, token }: Pick<TestServer, "url" | "token">,
  content: Uint8Array | AsyncIterable<Uint8Array>,
  { description = "", fields = {}, after = "" }: { description?: string; fields?: object; after?: string } = {},
): Promise<Response> {
  const boundary = `b${randomUUID()}`;
  const field = ([name, value]: [string, unknown]): string =>
    `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  async function* body(): AsyncGenerator<Uint8Array> {
    const size = content instanceof Uint8Array ? { size: content.length } : {};
    yield Buffer.from(
      Object.entries({ ...size, description, ...fields })
        .map(field)
        .join(""),
    );
    yield Buffer.from(
      `--${boundary}\r\ncontent-disposition: form-data; name="artifact"; filename="a.mender"\r\n` +
        "content-type: application/octet-stream\r\n\r\n",
    );
    if (content instanceof Uint8Array) yield content;
    else yield* content;
    yield Buffer.from(`\r\n${after.replaceAll("BOUNDARY", boundary)}--${boundary}--\r\n`);
  }
  return fetch(`${url}${ARTIFACTS}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": `multipart/form-data; boundary=${boundary}` },
    body: ReadableStream.from(body()),
    duplex: "half",
  } as RequestInit);
}

/** Uploads a small Artifact. @returns its id */
export async function addTestArtifact(server: TestServer, wishes: ArtifactWishes = {}): Promise<string> {
  const answer = await upload(server, await makeArtifact(wishes));
  if (answer.status !== 201) throw new Error(`upload: ${answer.status} ${await answer.text()}`);
  return answer.headers.get("location")?.split("/").at(-1) ?? "";
}
