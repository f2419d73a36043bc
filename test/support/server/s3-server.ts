import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import S3rver from "s3rver";
import type { Storage } from "../../../server/config/storage.ts";
import { claimOf } from "./aws-signature.ts";

const BUCKET = "artifacts";
/** The one account that the store knows. */
const KEYS = { id: "S3RVER", secret: "S3RVER" };

/**
 * A store with the API of S3, on a folder: the npm package `s3rver`, and what it lacks: it takes any signature, and does
 * not know the three requests for unfinished uploads.
 */
export class S3Server {
  readonly #folder: string;
  readonly #store: S3rver;
  readonly #server: Server;
  /** Method and path of each request. */
  readonly requests: string[] = [];

  static async start(): Promise<S3Server> {
    const folder = await mkdtemp(join(tmpdir(), "s3-"));
    const store = new S3rver({ directory: folder, silent: true });
    await store.store.putBucket(BUCKET);
    const started = new S3Server(folder, store);
    await started.listen(0);
    return started;
  }

  private constructor(folder: string, store: S3rver) {
    this.#folder = folder;
    this.#store = store;
    const others = store.callback();
    this.#server = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? "", "http://store");
      this.requests.push(`${request.method} ${pathname}`);
      const id = searchParams.get("uploadId");
      const refusal = refusalOf(request);
      if (refusal !== undefined) refuse(response, 403, refusal);
      else if (request.method === "DELETE" && id !== null) void this.#abort(id, response);
      else if (request.method === "GET" && id !== null) void this.#listParts(id, response);
      else if (request.method === "GET" && searchParams.has("uploads")) void this.#listUploads(request, response);
      else others(request, response);
    });
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  storage(prefix: string, presigned = false) {
    const endpoint = `http://127.0.0.1:${this.port}`;
    return { kind: "s3", bucket: BUCKET, prefix, presigned, endpoint, keys: KEYS } as const satisfies Storage;
  }

  /** How `switchback-server` is told to use it. */
  options(prefix: string): string[] {
    const where = ["--storage", `s3://${BUCKET}/${prefix}`, "--storage-endpoint", `http://127.0.0.1:${this.port}`];
    return [...where, "--storage-access-key", KEYS.id, "--storage-secret-key", KEYS.secret];
  }

  /** Objects, and parts of unfinished uploads, below a prefix. */
  async everything(prefix: string): Promise<string[]> {
    const names = await readdir(join(this.#folder, BUCKET), { recursive: true });
    const objects = names.filter((name) => name.startsWith(prefix) && name.endsWith("_object"));
    const uploads = await this.#uploads();
    return [...objects, ...uploads.filter(({ key }) => key.startsWith(prefix)).map(({ id }) => id)].toSorted();
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async remove(): Promise<void> {
    this.#store.logger.exceptions.unhandle();
    await this.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  uploadFolder(id = ""): string {
    return join(this.#store.store.getResourcePath(BUCKET, undefined, "uploads"), id);
  }

  async #uploads(): Promise<readonly { readonly id: string; readonly key: string; readonly at: Date }[]> {
    const ids = existsSync(this.uploadFolder()) ? await readdir(this.uploadFolder()) : [];
    return Promise.all(
      ids.map(async (id) => {
        const path = join(this.uploadFolder(id), "key");
        return { id, key: await readFile(path, "utf8"), at: (await stat(path)).mtime };
      }),
    );
  }

  async #abort(id: string, response: ServerResponse): Promise<void> {
    if (!existsSync(this.uploadFolder(id))) return noSuchUpload(response);
    await rm(this.uploadFolder(id), { recursive: true });
    response.writeHead(204).end();
  }

  async #listParts(id: string, response: ServerResponse): Promise<void> {
    if (!existsSync(this.uploadFolder(id))) return noSuchUpload(response);
    const parts = (await readdir(this.uploadFolder(id))).filter((name) => /^\d+$/.test(name));
    const rows = parts.map(async (name) => {
      const { mtime, size } = await stat(join(this.uploadFolder(id), name));
      return `<Part><PartNumber>${name}</PartNumber><LastModified>${mtime.toISOString()}</LastModified><Size>${size}</Size></Part>`;
    });
    answer(response, "ListPartsResult", (await Promise.all(rows)).join(""));
  }

  async #listUploads(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const prefix = new URL(request.url ?? "", "http://store").searchParams.get("prefix") ?? "";
    const rows = (await this.#uploads())
      .filter(({ key }) => key.startsWith(prefix))
      .map(
        ({ id, key, at }) =>
          `<Upload><Key>${key}</Key><UploadId>${id}</UploadId><Initiated>${at.toISOString()}</Initiated></Upload>`,
      );
    answer(response, "ListMultipartUploadsResult", rows.join(""));
  }
}

const XML = { "content-type": "application/xml" };

function answer(response: ServerResponse, root: string, rows: string): void {
  response.writeHead(200, XML).end(`<${root}><IsTruncated>false</IsTruncated>${rows}</${root}>`);
}

const noSuchUpload = (response: ServerResponse): void => refuse(response, 404, "NoSuchUpload");

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, XML).end(`<Error><Code>${code}</Code><Message>refused</Message></Error>`);
}

/** Why the store refuses a request, by S3's own names. */
function refusalOf({ method = "", url = "", headers }: IncomingMessage): string | undefined {
  const claim = claimOf({ method, url, headers });
  if (claim === undefined) return "AccessDenied";
  if (claim.keyId !== KEYS.id) return "InvalidAccessKeyId";
  if (claim.signature !== claim.expected(KEYS.secret)) return "SignatureDoesNotMatch";
  const ageS = (Date.now() - claim.signedAt.getTime()) / 1000;
  return ageS > claim.validS ? "AccessDenied" : undefined;
}
