/** A description of an API, as far as the page shows it. */
export interface Described {
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema?: unknown }>>;
  readonly description?: string;
}

interface Operation {
  readonly security?: unknown;
  /** What a person needs for the route. */
  readonly "x-switchback-permission"?: string;
  readonly parameters?: readonly {
    readonly in: string;
    readonly name: string;
    readonly required?: boolean;
    readonly schema: unknown;
  }[];
  readonly requestBody?: Content;
  readonly responses?: Readonly<Record<string, Content>>;
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escaped = (text: string): string => text.replaceAll(/[&<>"]/g, (character) => ENTITIES[character] ?? "");

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c1c1c;background:#fff}
h2{margin-top:2.5rem}summary{cursor:pointer;padding:.3rem 0}summary b{display:inline-block;width:4.5rem}
code,pre{font:13px/1.45 ui-monospace,monospace}pre{background:#f4f4f4;padding:.7rem;overflow:auto}
table{border-collapse:collapse}td,th{text-align:left;padding:.15rem .8rem .15rem 0;vertical-align:top}
@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#161616}pre{background:#242424}}`;

/** The part of the API to which a path belongs: `management/v1/deployments`. */
const groupOf = (path: string): string => /^\/api\/(\w+\/\w+\/\w+)/.exec(path)?.[1] ?? "operations";

/** A page that shows all routes of the API. It needs nothing but itself: no script, no font, no other server. */
export function referencePage({ info, paths }: Described): string {
  const groups = new Map<string, string[]>();
  for (const [path, operations] of Object.entries(paths))
    for (const [method, operation] of Object.entries(operations)) {
      const group = groupOf(path);
      groups.set(group, [...(groups.get(group) ?? []), route(method.toUpperCase(), path, operation)]);
    }
  const sections = [...groups].map(
    ([name, routes]) => `<h2 id="${escaped(name)}">${escaped(name)}</h2>\n${routes.join("\n")}`,
  );
  const links = [...groups.keys()].map((name) => `<a href="#${escaped(name)}">${escaped(name)}</a>`);
  const title = `${escaped(info.title)} ${escaped(info.version)}: API`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title}</title><style>${STYLE}</style></head><body>
<h1>${title}</h1>
<p>The same as a document of OpenAPI 3.1: <a href="openapi.json">openapi.json</a>.</p>
<p>${links.join(" · ")}</p>
${sections.join("\n")}
</body></html>
`;
}

function route(
  method: string,
  path: string,
  { security, parameters = [], requestBody, responses = {}, "x-switchback-permission": permission }: Operation,
): string {
  const needs = permission === undefined ? "" : ` and the permission <code>${escaped(permission)}</code>`;
  const places = parameters.map(
    ({ in: place, name, required, schema }) =>
      `<tr><td><code>${escaped(name)}</code></td><td>${escaped(place)}${required === true ? ", required" : ""}</td><td><code>${escaped(shown(schema, 0))}</code></td></tr>`,
  );
  const answers = Object.entries(responses).map(([status, answer]) => `<p>${escaped(status)}</p>${schemasOf(answer)}`);
  return `<details><summary><b>${method}</b> <code>${escaped(path)}</code></summary>
<p>${security === undefined ? "Needs no token." : `Needs a token: <code>Authorization: Bearer TOKEN</code>${needs}.`}</p>
${places.length === 0 ? "" : `<table>${places.join("")}</table>`}
${requestBody === undefined ? "" : `<h4>Body</h4>${schemasOf(requestBody)}`}
${answers.length === 0 ? "" : `<h4>Answers</h4>${answers.join("")}`}</details>`;
}

const schemasOf = ({ content = {} }: Content): string =>
  Object.entries(content)
    .map(([type, { schema }]) => `<p>${escaped(type)}</p><pre>${escaped(shown(schema, 2))}</pre>`)
    .join("");

/** A schema without the words that only a validator needs. */
function shown(schema: unknown, indent: number): string {
  const without = (key: string, value: unknown): unknown =>
    key === "$schema" || (key === "additionalProperties" && value === false) ? undefined : value;
  return JSON.stringify(schema ?? {}, without, indent);
}
