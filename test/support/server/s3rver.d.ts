declare module "s3rver" {
  import type { RequestListener } from "node:http";

  // biome-ignore lint/style/noDefaultExport: the package has no other
  export default class S3rver {
    constructor(options: { readonly directory: string; readonly silent: boolean });
    configureBuckets(): Promise<unknown>;
    callback(): RequestListener;
    readonly store: {
      putBucket(name: string): Promise<unknown>;
      getResourcePath(bucket: string, key: undefined, resource: string): string;
    };
    readonly logger: { readonly exceptions: { unhandle(): void }; close(): void };
  }
}
