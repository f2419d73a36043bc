import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { S3Client } from "@aws-sdk/client-s3";

// Users cannot do anything about the Node that the project has chosen.
process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true";

/** A bucket, and how to reach it. What is left out comes from the environment and the files of AWS's own tools. */
export interface Bucket {
  readonly bucket: string;
  /** In front of all keys: empty, or with a slash at its end. */
  readonly prefix: string;
  /** `https://HOST` of a store that is not Amazon's. */
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  /** Names the bucket in the path instead of the host, as most stores besides Amazon's want it. */
  readonly pathStyle?: boolean | undefined;
  readonly keys?: { readonly id: string; readonly secret: string } | undefined;
}

const CONNECT_MS = 5000;
/** A store that says nothing for so long is taken for one that is away. Downloads of slow devices take longer. */
const ANSWER_MS = 30_000;

export function createS3Client({ endpoint, region, pathStyle, keys }: Bucket): S3Client {
  // Each download of a device holds a connection.
  const agent = { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY };
  // Stores that are not Amazon's have a region in their signatures only.
  const place = region ?? (endpoint === undefined ? undefined : "us-east-1");
  return new S3Client({
    ...(endpoint !== undefined && { endpoint }),
    ...(place !== undefined && { region: place }),
    forcePathStyle: pathStyle ?? endpoint !== undefined,
    ...(keys !== undefined && { credentials: { accessKeyId: keys.id, secretAccessKey: keys.secret } }),
    // Other stores do not know the newer checksums. Links between the server and its store have TLS or are local.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      requestTimeout: ANSWER_MS,
      throwOnRequestTimeout: true,
      socketTimeout: 0,
      httpAgent: new HttpAgent(agent),
      httpsAgent: new HttpsAgent(agent),
    },
  });
}
