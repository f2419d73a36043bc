import fc from "fast-check";
import type { Route, Schema } from "./api-routes.ts";

type Token = "user" | "device" | "none";

/** A request to try: what a schema allows, something near it, or neither. */
export interface RandomRequest {
  readonly route: Route;
  readonly token: Token;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** Texts that some layer below may take for something else. */
const HOSTILE = [
  ...[
    "",
    " ",
    "'",
    '"',
    "\\",
    "%",
    "%00",
    "%ff",
    "\0",
    "\ud83d",
    "\u202e",
    "\r\nx: y",
    "../..",
    "' OR 1=1 --",
    "$1",
    "{}",
  ],
  ...[
    "__proto__",
    "constructor",
    "toString",
    "NaN",
    "-0",
    "1e999",
    "9".repeat(400),
    "a".repeat(3000),
    "😀".repeat(300),
  ],
  ...[
    "(a+)+$",
    "[",
    "(?<",
    ".*".repeat(50),
    "\\Z",
    "2025-13-45T99:99:99Z",
    "0001-01-01T00:00:00Z",
    "null",
    "true",
    "[]",
  ],
  ...[
    "00000000-0000-0000-0000-000000000000",
    "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
    "*",
    ";",
    "|",
    "a=b&c=d",
    "\u0130",
  ],
];
const hostile = fc.constantFrom(...HOSTILE);
const odd: fc.Arbitrary<unknown> = fc.oneof(
  hostile,
  fc.string({ unit: "binary" }),
  fc.double(),
  fc.constantFrom(null, true, [], {}, -1, 2 ** 53, 1e308, [[[]]], { $gt: "" }),
  fc.jsonValue({ maxDepth: 3 }),
);

const asNumber = (value: unknown, otherwise: number): number => (typeof value === "number" ? value : otherwise);

/** Values that a schema allows, mostly. Known ids stand for those that the routes look up. */
function valid(schema: Schema | undefined, known: readonly string[], depth = 0): fc.Arbitrary<unknown> {
  if (schema === undefined || depth > 6) return odd;
  const any = (schema["anyOf"] ?? schema["oneOf"]) as Schema[] | undefined;
  if (any !== undefined) return fc.oneof(...any.map((one) => valid(one, known, depth + 1)));
  if (Array.isArray(schema["enum"])) return fc.constantFrom(...(schema["enum"] as unknown[]));
  if ("const" in schema) return fc.constant(schema["const"]);
  switch (schema["type"]) {
    case "object": {
      const required = new Set((schema["required"] ?? []) as string[]);
      const members = Object.entries((schema["properties"] ?? {}) as Record<string, Schema>);
      const more = schema["additionalProperties"];
      const extra = typeof more === "object" ? valid(more as Schema, known, depth + 1) : odd;
      const own = fc.record(Object.fromEntries(members.map(([name, one]) => [name, valid(one, known, depth + 1)])), {
        requiredKeys: [...required],
      });
      const others = fc.dictionary(fc.oneof(fc.string({ maxLength: 20 }), hostile), extra, { maxKeys: 3 });
      return fc
        .tuple(own, fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, others))
        .map(([a, b]) => ({ ...b, ...a }));
    }
    case "array":
      return fc.array(valid(schema["items"] as Schema | undefined, known, depth + 1), { maxLength: 4 });
    case "integer":
      return fc.oneof(
        fc.integer({ min: Math.max(-(2 ** 31), asNumber(schema["minimum"], -(2 ** 31))), max: 2 ** 31 - 1 }),
        fc.constantFrom(0, 1, 20, 500, 2 ** 31, Number.MAX_SAFE_INTEGER),
      );
    case "number":
      return fc.double({ noNaN: true, noDefaultInfinity: true });
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "string":
      if (schema["format"] === "uuid") return fc.oneof(fc.constantFrom(...known), fc.uuid());
      if (schema["format"] === "date-time") return fc.date({ noInvalidDate: true }).map((date) => date.toISOString());
      return fc.oneof(
        fc.constantFrom(...known),
        fc.string({ maxLength: 40 }),
        fc.string({ unit: "binary", maxLength: 40 }),
        hostile,
      );
    default:
      return odd;
  }
}

/** Not every text can stand in a URL: half a character is sent as the character that replaces it. */
const encoded = (value: unknown): string => encodeURIComponent(String(value).replaceAll(/\p{Cs}/gu, "\ufffd"));

const TYPES = [
  "application/json",
  "application/json; charset=utf-7",
  "text/plain",
  "multipart/form-data; boundary=b",
  "x",
];

function requestTo(route: Route, known: readonly string[]): fc.Arbitrary<RandomRequest> {
  const places = route.parameters.filter((one) => one.in === "path");
  const asked = route.parameters.filter((one) => one.in === "query");
  const somewhat = (schema: Schema): fc.Arbitrary<unknown> =>
    fc.oneof({ weight: 5, arbitrary: valid(schema, known) }, { weight: 1, arbitrary: odd });
  const json = fc
    .oneof({ weight: 6, arbitrary: valid(route.body, known) }, { weight: 1, arbitrary: odd })
    .map((value) => JSON.stringify(value));
  const broken = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("", "{", "[".repeat(9000), '{"a":1e999}'));
  const fits: Token = route.path.startsWith("/api/devices/") ? "device" : "user";
  return fc
    .record({
      token: fc.oneof({ weight: 5, arbitrary: fc.constant(fits) }, fc.constantFrom<Token>("user", "device", "none")),
      path: fc.tuple(...places.map(({ schema }) => somewhat(schema))),
      query: fc.record(Object.fromEntries(asked.map(({ name, schema }) => [name, somewhat(schema)])), {
        requiredKeys: [],
      }),
      more: fc.dictionary(hostile, hostile, { maxKeys: 1 }),
      type: fc.oneof({ weight: 8, arbitrary: fc.constant(TYPES[0] ?? "") }, fc.constantFrom(...TYPES)),
      body: fc.oneof({ weight: 8, arbitrary: json }, { weight: 1, arbitrary: broken }),
      header: fc.dictionary(
        fc.constantFrom(
          "range",
          "if-match",
          "if-none-match",
          "idempotency-key",
          "x-men-signature",
          "x-forwarded-for",
          "accept",
        ),
        // Node sends no others.
        fc.oneof(fc.string({ maxLength: 60 }), hostile).map((text) => text.replaceAll(/[^\x20-\x7e\xa0-\xff]/g, "?")),
        { maxKeys: 2 },
      ),
    })
    .map(({ token, path, query, more, type, body, header }) => {
      let at = 0;
      const target = route.path.replaceAll(/\{\w+\}/g, () => encoded(path[at++]));
      const pairs = Object.entries({ ...query, ...more }).flatMap(([name, value]) =>
        (Array.isArray(value) ? value : [value]).map((one) => `${encoded(name)}=${encoded(one)}`),
      );
      const hasBody = route.method !== "GET" && route.method !== "HEAD";
      return {
        ...{ route, token, target: `${target}?${pairs.join("&")}` },
        headers: { ...header, ...(hasBody && { "content-type": type }) },
        body: hasBody ? body : undefined,
      };
    });
}

/** Requests to all these routes. */
export const randomRequests = (routes: readonly Route[], known: readonly string[]): fc.Arbitrary<RandomRequest> =>
  fc.oneof(...routes.map((route) => requestTo(route, known)));
