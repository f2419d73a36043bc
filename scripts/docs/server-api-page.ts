import type { Described } from "../../server/api/operations/reference-page.ts";
import { describeApi } from "../lib/api-description.ts";
import { API_SENTENCES } from "./api-sentences.ts";
import { GENERATED } from "./markdown.ts";
import type { Page } from "./page.ts";
import { typeText } from "./type-text.ts";

type Operation = Described["paths"][string][string];

const AREAS: readonly (readonly [title: string, prefix: RegExp])[] = [
  ["Artifacts", /\/deployments\/(?:artifacts|limits)\b/],
  ["Releases", /\/releases\b/],
  ["Deployments", /^\/api\/management\/v\d\/deployments\//],
  ["Devices and their keys", /\/devauth\//],
  ["Inventory and groups", /^\/api\/management\/v\d\/inventory\//],
  ["Users and tokens", /\/(?:useradm|tenantadm)\//],
  ["Audit log", /\/auditlogs\//],
  ["For devices", /^\/api\/devices\//],
  ["More of the management API", /^\/api\/management\//],
  ["Operations", /^/],
];

/** `docs/reference/server-api.md`: every route of the server. */
export async function serverApiPage(): Promise<Page> {
  const { paths } = await describeApi();
  const routes = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const areas = AREAS.map(([title]) => {
    const own = routes.filter(({ path }) => AREAS.find(([, prefix]) => prefix.test(path))?.[0] === title);
    return { title, chapters: own.map(({ path, method, operation }) => chapter(method, path, operation)) };
  });
  const text = [
    "# The API of the server",
    GENERATED("the routes in `server/api/` and the schemas in `src/protocol/api/`"),
    "A running server has this page at `/reference`, and the same as a document of OpenAPI 3.1 at `/openapi.json`. The paths,\n" +
      "bodies and answers are Mender's, so its clients work.",
    "Send the token as `Authorization: Bearer TOKEN`. A token of a device is good for the routes of devices only, and a token\n" +
      "of a user for the others only. A `?` marks what may be missing.",
    "Lists have pages: `page` counts from 1, `per_page` is at most 500, and `Link` and `X-Total-Count` say what else there is.\n" +
      "A row that comes or goes between two requests shifts the pages. Lists with a `cursor` can also be walked: send an empty\n" +
      "`cursor` first, and then the `X-Next-Cursor` of each answer, until an answer has none. A walk shows each row that stays\n" +
      "exactly once, as long as the values by which the list is sorted do not change. It counts nothing, so it has no\n" +
      "`X-Total-Count`. A cursor is good for one list, one query and one tenant, for any time, and for any `per_page`; for\n" +
      "others, the answer is 400 (`CURSOR_INVALID`).",
    "Any route may also answer 400 (`REQUEST_INVALID`), 413, 415 or 429 (`TOO_MANY_REQUESTS`) to a request that is not as it\n" +
      "should be, 401 and 403 without the right token, 404 and 409 for things that are not there or in use, and 503\n" +
      "(`DATABASE_AWAY`) with `Retry-After`. The body names a code: see the [error codes](server-errors.md).",
    ...areas
      .filter(({ chapters }) => chapters.length > 0)
      .flatMap(({ title, chapters }) => [`## ${title}`, ...chapters]),
    "Next: [Error codes of the server](server-errors.md)",
  ];
  return { path: "docs/reference/server-api.md", rows: routes.length, text: `${text.join("\n\n")}\n` };
}

function chapter(
  method: string,
  path: string,
  { security, parameters = [], requestBody, responses = {}, "x-switchback-permission": permission }: Operation,
) {
  const who = permission === undefined ? "a device" : `a user with the permission \`${permission}\``;
  const needs = security === undefined ? "Needs no token." : `Needs the token of ${who}.`;
  const lines = parameters.map(({ in: place, name, required, schema }) => {
    const type = typeText(schema);
    // A list in a query may be empty.
    const isOptional = required !== true || (place === "query" && type.endsWith("[]"));
    return `- ${place} \`${name}${isOptional ? "?" : ""}: ${type}\``;
  });
  if (requestBody?.content !== undefined) lines.push(...typesOf("body", requestBody.content));
  for (const [status, { content }] of Object.entries(responses))
    lines.push(...(content === undefined ? [`- ${status}`] : typesOf(status, content)));
  const sentence = API_SENTENCES[`${method} ${path}`] ?? "";
  return `### ${method} ${path.replaceAll(/[{}]/g, (brace) => `\\${brace}`)}\n\n${sentence} ${needs}\n\n${lines.join("\n")}`;
}

type Content = NonNullable<NonNullable<Operation["requestBody"]>["content"]>;

const typesOf = (what: string, content: Content): readonly string[] =>
  Object.entries(content).map(([type, { schema }]) => {
    const named = type === "application/json" ? "" : ` (${type})`;
    return `- ${what}${named}: \`${typeText(schema)}\``;
  });
