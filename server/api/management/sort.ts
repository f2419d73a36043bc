import { ServerError } from "../../errors/server-error.ts";

export interface Sort<T extends string> {
  readonly by: T;
  readonly direction: "asc" | "desc";
}

/**
 * The order of a list from parameters such as `name:asc`, which also come separated by commas.
 *
 * @throws {ServerError} REQUEST_INVALID if a list cannot be sorted like this
 */
export function sortOf<T extends string>(
  parameters: readonly string[],
  allowed: readonly T[],
  usual: Sort<T>,
): Sort<T>[] {
  const wanted = parameters.flatMap((parameter) => parameter.split(",")).filter((part) => part !== "");
  if (wanted.length === 0) return [usual];
  return wanted.map((part) => {
    const [name = "", direction = "asc"] = part.split(":");
    const by = allowed.find((one) => one === name);
    if (by === undefined || (direction !== "asc" && direction !== "desc"))
      throw new ServerError("REQUEST_INVALID", { sort: part.slice(0, 40), allowed: allowed.join(" ") });
    return { by, direction };
  });
}
