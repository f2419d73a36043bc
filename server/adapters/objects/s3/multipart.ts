import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";

/** Parts on their way to the store. Besides them, one is being filled. */
const UNDER_WAY = 2;

interface Target {
  readonly Bucket: string;
  readonly Key: string;
}

/**
 * Uploads an object in parts. It appears when all parts are there. If anything fails, the store forgets the parts.
 *
 * @param parts all but the last are of the same size
 * @throws what `parts` throws, and errors of the store
 */
export async function uploadInParts(
  client: S3Client,
  target: Target,
  type: string,
  parts: AsyncIterable<Uint8Array>,
): Promise<void> {
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ ...target, ContentType: type }));
  const upload = { ...target, UploadId };
  const underWay = new Set<Promise<void>>();
  const done: CompletedPart[] = [];
  const failures: unknown[] = [];
  const send = async (PartNumber: number, Body: Uint8Array): Promise<void> => {
    const { ETag } = await client.send(new UploadPartCommand({ ...upload, PartNumber, Body }));
    done[PartNumber - 1] = { PartNumber, ETag };
  };
  try {
    let number = 0;
    for await (const part of parts) {
      if (part.length === 0 && number > 0) continue;
      number += 1;
      const sent = send(number, part)
        .catch((error: unknown) => void failures.push(error))
        .finally(() => underWay.delete(sent));
      underWay.add(sent);
      if (underWay.size >= UNDER_WAY) await Promise.race(underWay);
      if (failures.length > 0) throw failures[0];
    }
    await Promise.all(underWay);
    if (failures.length > 0) throw failures[0];
    await client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: done } }));
  } catch (error) {
    await Promise.all(underWay);
    // ignored: the store may be away. Leftovers are removed later.
    await client.send(new AbortMultipartUploadCommand(upload)).catch(() => {});
    throw error;
  }
}
