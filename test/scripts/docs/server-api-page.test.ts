import { expect, test } from "vitest";
import { API_SENTENCES } from "../../../scripts/docs/api-sentences.ts";
import { serverApiPage } from "../../../scripts/docs/server-api-page.ts";
import { typeText } from "../../../scripts/docs/type-text.ts";
import { describeApi } from "../../../scripts/lib/api-description.ts";

test("each route has a sentence and a place in the page, and no sentence is without a route", async () => {
  const { paths } = await describeApi();
  const routes = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(routes.length).toBeGreaterThan(100);
  expect(Object.keys(API_SENTENCES).toSorted()).toEqual(routes.toSorted());
  const { text } = await serverApiPage();
  const chapters = [...text.matchAll(/^### (.+)$/gm)].map(([, title = ""]) => title.replaceAll("\\", ""));
  expect(chapters.toSorted()).toEqual(routes.toSorted());
  // A page that explains more of a route than its description would not be read.
  expect(text.split("\n").length).toBeLessThan(9 * routes.length);
});

test.for([
  [{ type: "string", format: "uuid" }, "uuid"],
  [{ enum: ["a", "b"] }, '"a" | "b"'],
  [{ type: "array", items: { anyOf: [{ type: "string" }, { type: "null" }] } }, "(string | null)[]"],
  [{ type: "object", properties: { a: { const: 1 }, b: { type: "number" } }, required: ["a"] }, "{ a: 1; b?: number }"],
  [{ type: "object", additionalProperties: { type: "string" } }, "{ [name]: string }"],
  [{ allOf: [{ type: "integer" }, {}] }, "integer & any"],
  [{ type: ["string", "null"] }, "string | null"],
] as const)("a schema is written as a type: %j", ([schema, text]) => {
  expect(typeText(schema)).toBe(text);
});
