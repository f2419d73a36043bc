import type { FastifySchema, FastifySchemaCompiler } from "fastify";
import { validatorCompiler } from "fastify-type-provider-zod";
import { RecentlyUsed } from "../domain/recently-used.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    repeatedBodies?: RepeatedBodies;
  }
}

const BODIES_MAX = 2000;
/** Characters. A longer body is parsed each time. */
const LENGTH_MAX = 4096;

/**
 * The bodies that a route gets again and again, letter by letter, as the polls of a fleet are. Each is parsed and checked
 * once. Requests share what came out of it, so it is frozen.
 */
export class RepeatedBodies<Body extends object = object> {
  readonly #checked = new RecentlyUsed<string, Body>(BODIES_MAX);
  readonly #shared = new WeakSet();
  readonly #texts = new WeakMap<object, string>();

  /** What a body says, if it was valid before. */
  find = (text: string): Body | undefined => this.#checked.get(text);

  /** Names the text of a parsed body. It is remembered if it turns out to be valid. */
  note(text: string, parsed: unknown): void {
    if (text.length <= LENGTH_MAX && typeof parsed === "object" && parsed !== null) this.#texts.set(parsed, text);
  }

  /** Checks what was not found. For the option `validatorCompiler` of the route. */
  readonly compileCheck: FastifySchemaCompiler<FastifySchema> = (part) => {
    const check = validatorCompiler(part as Parameters<typeof validatorCompiler>[0]);
    if (part.httpPart !== "body") return check;
    return (data: object) => {
      if (this.#shared.has(data)) return { value: data };
      const result = check(data);
      const text = this.#texts.get(data);
      if (text !== undefined && isValid(result)) {
        const value = frozen(result.value as Body);
        this.#checked.set(text, value);
        this.#shared.add(value);
      }
      return result;
    };
  };
}

const isValid = (result: unknown): result is { readonly value: object } =>
  typeof result === "object" && result !== null && "value" in result && typeof result.value === "object";

/** Freezes what JSON made, down to the last value. */
function frozen<Value extends object>(value: Value): Value {
  for (const inner of Object.values(value)) if (typeof inner === "object" && inner !== null) frozen(inner);
  return Object.freeze(value);
}
