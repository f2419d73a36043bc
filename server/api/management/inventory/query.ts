import type { Condition, Place } from "../../../domain/filters/predicate.ts";
import { ServerError } from "../../../errors/server-error.ts";

/** `name` or `scope/name`. */
function readPlace(name: string): Place {
  const slash = name.indexOf("/");
  return slash < 1
    ? { scope: "inventory", attribute: name }
    : { scope: name.slice(0, slash), attribute: name.slice(slash + 1) };
}

/** A value without a known operator before its colon is meant as it is: a MAC address has colons. */
export function readAttribute(name: string, text: string): Condition {
  const [, operator, value] = /^(eq|ne|gt|gte|lt|lte|regex):(.*)$/s.exec(text) ?? [];
  return { ...readPlace(name), type: `$${operator ?? "eq"}`, value: value ?? text };
}

/** `name:asc,scope/name:desc` */
export function readSort(text: string | undefined): readonly (Place & { readonly order: "asc" | "desc" })[] {
  const keys = text === undefined || text === "" ? [] : text.split(",");
  if (keys.length > 5) throw new ServerError("REQUEST_INVALID", { in: "sort", reason: "more than five attributes" });
  return keys.map((key) => {
    const [, name = "", order] = /^(.*?)(?::(asc|desc))?$/s.exec(key) ?? [];
    return { ...readPlace(name), order: order === "desc" ? "desc" : "asc" };
  });
}
