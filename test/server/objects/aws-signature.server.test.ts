import { expect, test } from "vitest";
import { claimOf, type SignedRequest } from "../../support/server/aws-signature.ts";

/** The account, time and bucket of the examples in Amazon's manual of S3, "Authenticating Requests". */
const SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const CREDENTIAL = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request";
const HOST = { host: "examplebucket.s3.amazonaws.com" };
const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

const signed = (names: string, headers: Record<string, string>, sha256 = EMPTY): SignedRequest["headers"] => ({
  ...HOST,
  "x-amz-content-sha256": sha256,
  "x-amz-date": "20130524T000000Z",
  ...headers,
  authorization: `AWS4-HMAC-SHA256 Credential=${CREDENTIAL},SignedHeaders=${names},Signature=x`,
});
const AMZ = "x-amz-content-sha256;x-amz-date";

/** What the manual says the signature of each request is. The test's store checks the server's requests likewise. */
const PUBLISHED: readonly (readonly [title: string, request: SignedRequest, signature: string])[] = [
  [
    "a part of an object",
    { method: "GET", url: "/test.txt", headers: signed(`host;range;${AMZ}`, { range: "bytes=0-9" }) },
    "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  ],
  [
    "a new object",
    {
      method: "PUT",
      url: "/test%24file.text",
      headers: signed(
        `date;host;${AMZ};x-amz-storage-class`,
        { date: "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY" },
        "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
      ),
    },
    "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
  ],
  [
    "the life cycle of a bucket",
    { method: "GET", url: "/?lifecycle", headers: signed(`host;${AMZ}`, {}) },
    "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
  ],
  [
    "a list of objects",
    { method: "GET", url: "/?max-keys=2&prefix=J", headers: signed(`host;${AMZ}`, {}) },
    "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
  ],
  [
    "a link",
    {
      method: "GET",
      url:
        `/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${encodeURIComponent(CREDENTIAL)}` +
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=x",
      headers: HOST,
    },
    "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
  ],
];

for (const [title, request, signature] of PUBLISHED)
  test(`the published signature of a request for ${title} is what the check expects`, () => {
    const claim = claimOf(request);
    expect([claim?.keyId, claim?.expected(SECRET)]).toEqual(["AKIAIOSFODNN7EXAMPLE", signature]);
  });
