import {
  AbortMultipartUploadCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  ListPartsCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import type { Bucket } from "./s3-client.ts";
import { isMissing, statusOf } from "./s3-errors.ts";

type Page = Omit<ListMultipartUploadsCommandOutput, "$metadata">;

/**
 * Makes the store forget the parts of uploads that nobody has added to in the last `idleS` seconds. Stores without a
 * list of uploads have a setting of their own for this.
 *
 * @returns how many uploads there were
 */
export async function removeOldUploads(client: S3Client, { bucket, prefix }: Bucket, idleS: number): Promise<number> {
  const before = Date.now() - idleS * 1000;
  let removed = 0;
  let last: Page = {};
  for (;;) {
    const { NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = last;
    const ask = { Bucket: bucket, Prefix: prefix, KeyMarker, UploadIdMarker };
    const page = await client.send(new ListMultipartUploadsCommand(ask)).catch((error: unknown): Page => {
      if (statusOf(error) === 501) return {};
      throw error;
    });
    for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
      const upload = { Bucket: bucket, Key, UploadId };
      if ((Initiated?.getTime() ?? 0) > before || (await lastPartMs(client, upload)) > before) continue;
      await client.send(new AbortMultipartUploadCommand(upload)).catch((error) => {
        if (!isMissing(error)) throw error; // Another process was faster.
      });
      removed += 1;
    }
    if (page.IsTruncated !== true) return removed;
    last = page;
  }
}

interface Upload {
  readonly Bucket: string;
  readonly Key: string | undefined;
  readonly UploadId: string | undefined;
}

/** When the newest part of an upload came. Parts are listed by number, and the newest has the highest. */
async function lastPartMs(client: S3Client, upload: Upload): Promise<number> {
  let last = 0;
  let marker: string | undefined;
  for (;;) {
    const page = await client.send(new ListPartsCommand({ ...upload, PartNumberMarker: marker }));
    for (const { LastModified } of page.Parts ?? []) last = Math.max(last, LastModified?.getTime() ?? 0);
    if (page.IsTruncated !== true) return last;
    marker = page.NextPartNumberMarker;
  }
}
