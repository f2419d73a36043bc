interface Schema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly format?: string;
}

/** A JSON schema in the notation of TypeScript, in one line. */
export function typeText(schema: unknown): string {
  const {
    anyOf,
    oneOf,
    allOf,
    type,
    items,
    properties,
    additionalProperties,
    required = [],
    format,
    ...rest
  } = (schema ?? {}) as Schema;
  if (rest.const !== undefined) return JSON.stringify(rest.const);
  if (rest.enum !== undefined) return rest.enum.map((one) => JSON.stringify(one)).join(" | ");
  const choices = anyOf ?? oneOf;
  if (choices !== undefined) return [...new Set(choices.map(typeText))].join(" | ");
  if (allOf !== undefined) return allOf.map(typeText).join(" & ");
  if (type === "array") {
    const text = typeText(items);
    return / [|&] /.test(text) && !text.startsWith("{") ? `(${text})[]` : `${text}[]`;
  }
  if (type === "object") {
    const known = Object.entries(properties ?? {}).map(
      ([name, value]) => `${name}${required.includes(name) ? "" : "?"}: ${typeText(value)}`,
    );
    if (typeof additionalProperties === "object" && Object.keys(additionalProperties).length > 0)
      known.push(`[name]: ${typeText(additionalProperties)}`);
    return known.length === 0 ? "object" : `{ ${known.join("; ")} }`;
  }
  if (type === "string" && format !== undefined) return format;
  if (type === undefined) return "any";
  return typeof type === "string" ? type : type.join(" | ");
}
