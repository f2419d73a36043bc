export type RangeAnswer =
  | { readonly is: "whole" }
  | { readonly is: "part"; readonly start: number; readonly end: number }
  | { readonly is: "unsatisfiable" };

const WHOLE: RangeAnswer = { is: "whole" };

/**
 * What a `Range` header asks of an object. As RFC 9110 allows, headers that are not valid and requests for several
 * ranges get the whole object.
 *
 * @param ifRange the header `If-Range`: another ETag than the object's asks for the whole object
 */
export function rangeOf(
  header: string | undefined,
  sizeBytes: number,
  { ifRange, etag }: { readonly ifRange?: string | undefined; readonly etag?: string } = {},
): RangeAnswer {
  const found = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec(header?.trim() ?? "");
  if (found === null || (ifRange !== undefined && ifRange !== etag)) return WHOLE;
  const [, first = "", last = ""] = found;
  if (first === "" && last === "") return WHOLE;
  if (first === "") {
    const start = Math.max(0, sizeBytes - Number(last));
    return start < sizeBytes ? { is: "part", start, end: sizeBytes - 1 } : { is: "unsatisfiable" };
  }
  const start = Number(first);
  if (last !== "" && Number(last) < start) return WHOLE;
  if (start >= sizeBytes) return { is: "unsatisfiable" };
  return { is: "part", start, end: last === "" ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1) };
}
