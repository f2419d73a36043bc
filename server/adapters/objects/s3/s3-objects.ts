import type { Readable } from "node:stream";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import type { ByteRange, ObjectBytes, Objects } from "../../../ports/objects.ts";
import { checkedKey } from "../key.ts";
import { removeOldUploads } from "./leftovers.ts";
import { uploadInParts } from "./multipart.ts";
import { partsOf } from "./parts.ts";
import { type Bucket, createS3Client } from "./s3-client.ts";
import { isMissing, storageError } from "./s3-errors.ts";

/** The store takes 10,000 parts, so that the largest object has 80 GiB. */
const PART_BYTES = 8 * 1024 * 1024;
const TYPE = "application/vnd.mender-artifact";

/** Objects in a bucket of S3, or of another store with this API. Several processes may use the same prefix. */
export function createS3Objects(bucket: Bucket): Objects {
  const client = createS3Client(bucket);
  const where = { bucket: bucket.bucket, ...(bucket.endpoint !== undefined && { endpoint: bucket.endpoint }) };
  const target = (key: string) => ({ Bucket: bucket.bucket, Key: `${bucket.prefix}${checkedKey(key)}` });
  const failed = (error: unknown): never => {
    throw storageError(error, where);
  };

  async function get(key: string, range?: ByteRange): Promise<ObjectBytes | undefined> {
    const aim = { ...target(key), ...(range && { Range: `bytes=${range.start}-${range.end}` }) };
    try {
      const { Body } = await client.send(new GetObjectCommand(aim));
      return Body as Readable;
    } catch (error) {
      return isMissing(error) ? undefined : failed(error);
    }
  }

  return {
    get,
    getToSend: get,
    async put(key, content) {
      const aim = target(key);
      let sourceError: { readonly error: unknown } | undefined;
      async function* watched(): AsyncGenerator<Uint8Array> {
        try {
          yield* content;
        } catch (error) {
          sourceError = { error };
          throw error;
        }
      }
      const parts = partsOf(watched(), PART_BYTES);
      try {
        const first = (await parts.next()).value ?? new Uint8Array();
        if (first.length < PART_BYTES) {
          await client.send(new PutObjectCommand({ ...aim, Body: first, ContentType: TYPE }));
          return;
        }
        await uploadInParts(client, aim, TYPE, startingWith(first, parts));
      } catch (error) {
        if (sourceError !== undefined) throw sourceError.error;
        failed(error);
      }
    },
    async size(key) {
      const aim = target(key);
      try {
        return (await client.send(new HeadObjectCommand(aim))).ContentLength;
      } catch (error) {
        return isMissing(error) ? undefined : failed(error);
      }
    },
    async delete(key) {
      await client.send(new DeleteObjectCommand(target(key))).catch((error) => isMissing(error) || failed(error));
    },
    removeLeftovers: (idleS) => removeOldUploads(client, bucket, idleS).catch(failed),
    async link(key, validS, disposition) {
      const shown = disposition === undefined ? {} : { ResponseContentDisposition: disposition };
      const command = new GetObjectCommand({ ...target(key), ...shown });
      return getSignedUrl(client, command, { expiresIn: validS }).catch(failed);
    },
    async check() {
      await client.send(new HeadBucketCommand({ Bucket: bucket.bucket })).catch(failed);
    },
    close: async () => client.destroy(),
  };
}

async function* startingWith(first: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first;
  yield* rest;
}
