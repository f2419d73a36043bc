import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { rangeOf } from "../../../server/domain/links/byte-range.ts";
import { checkLink, signLink } from "../../../server/domain/links/links.ts";

const KEY = Buffer.alloc(32, 7);
const TENANT = "6f4b7b3e-8d57-4b6b-8a6e-0f3f5f5f5f5f";
const LINK = { method: "GET", path: "/api/devices/v1/download/1", tenant: TENANT } as const;
const END = new Date("2026-11-21T20:50:53.000Z");
const BEFORE = new Date("2026-11-21T20:50:52.999Z");

function queryOf(signed: string): Record<string, string> {
  return Object.fromEntries(new URL(signed, "http://server").searchParams);
}

test("a link is Mender's: HMAC-SHA256 over method, path, end and tenant", () => {
  const signed = new URL(signLink(KEY, { ...LINK, expiresAt: END }), "http://server");
  const text = `GET\n/api/devices/v1/download/1\nx-men-expire=2026-11-21T20:50:53.000Z\ntenant_id=${TENANT}\n`;
  expect([signed.pathname, Object.fromEntries(signed.searchParams)]).toEqual([
    LINK.path,
    {
      "x-men-expire": "2026-11-21T20:50:53.000Z",
      "x-men-signature": createHmac("sha256", KEY).update(text).digest("base64url"),
      tenant_id: TENANT,
    },
  ]);
});

const good = queryOf(signLink(KEY, { ...LINK, expiresAt: END }));
for (const [title, change, now, expected] of [
  ["an unchanged link", {}, BEFORE, { is: "valid", tenant: TENANT }],
  ["a link at its end", {}, END, { is: "refused" }],
  ["a later end", { query: { ...good, "x-men-expire": "2027-11-21T20:50:53.000Z" } }, BEFORE, { is: "refused" }],
  ["another path", { path: "/api/devices/v1/download/2" }, BEFORE, { is: "refused" }],
  ["another method", { method: "PUT" }, BEFORE, { is: "refused" }],
  ["another tenant", { query: { ...good, tenant_id: TENANT.replace("6", "7") } }, BEFORE, { is: "refused" }],
  ["a short signature", { query: { ...good, "x-men-signature": "AAAA" } }, BEFORE, { is: "refused" }],
  ["no signature", { query: { ...good, "x-men-signature": undefined } }, BEFORE, "x-men-signature"],
  ["two signatures", { query: { ...good, "x-men-signature": ["a", "b"] } }, BEFORE, "x-men-signature"],
  ["an end that is no time", { query: { ...good, "x-men-expire": "tomorrow" } }, BEFORE, "x-men-expire"],
  [
    "an end with a line in it",
    { query: { ...good, "x-men-expire": "2026-11-21T20:50:53Z\n" } },
    BEFORE,
    "x-men-expire",
  ],
  ["a month 13", { query: { ...good, "x-men-expire": "2026-13-21T20:50:53Z" } }, BEFORE, "x-men-expire"],
  ["no tenant", { query: { ...good, tenant_id: "" } }, BEFORE, "tenant_id"],
] as const)
  test(`${title} is ${typeof expected === "string" ? "unparsable" : expected.is}`, () => {
    const check = checkLink(KEY, { ...LINK, query: good, ...change }, now);
    expect(check).toEqual(typeof expected === "string" ? { is: "unparsable", parameter: expected } : expected);
  });

for (const [header, expected] of [
  [undefined, { is: "whole" }],
  ["bytes=0-", { is: "part", start: 0, end: 99 }],
  ["bytes=10-19", { is: "part", start: 10, end: 19 }],
  ["bytes=99-", { is: "part", start: 99, end: 99 }],
  ["bytes=90-500", { is: "part", start: 90, end: 99 }],
  ["bytes=-10", { is: "part", start: 90, end: 99 }],
  ["bytes=-500", { is: "part", start: 0, end: 99 }],
  ["bytes=-0", { is: "unsatisfiable" }],
  ["bytes=100-", { is: "unsatisfiable" }],
  ["bytes=20-10", { is: "whole" }],
  ["bytes=-", { is: "whole" }],
  ["bytes=0-1,5-6", { is: "whole" }],
  ["lines=0-1", { is: "whole" }],
  ["bytes=99999999999999999999-", { is: "whole" }],
] as const)
  test(`of 100 bytes, ${header ?? "no header"} asks for ${JSON.stringify(expected)}`, () => {
    expect(rangeOf(header, 100)).toEqual(expected);
  });

test("a changed object is sent whole", () => {
  expect(rangeOf("bytes=5-", 100, { ifRange: '"old"', etag: '"new"' })).toEqual({ is: "whole" });
  expect(rangeOf("bytes=5-", 100, { ifRange: '"new"', etag: '"new"' })).toEqual({ is: "part", start: 5, end: 99 });
});
