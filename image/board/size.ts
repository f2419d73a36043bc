import * as z from "zod/mini";

const UNITS: Readonly<Record<string, number>> = { "": 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 };
const SIZE = /^([0-9]+) ?(?:([KMGT])(?:iB)?)?$/;

/** `undefined` if `text` is no size, such as `8M`, `8 MiB` or `65536`. */
function bytesOf(text: string | number): number | undefined {
  const [, digits, unit = ""] = SIZE.exec(String(text)) ?? [];
  const bytes = Number(digits) * (UNITS[unit] ?? Number.NaN);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** A number of bytes, as an integer or with a unit in powers of 1024. */
export const Size = z.pipe(
  z
    .union([z.int(), z.string()])
    .check(z.refine((value) => bytesOf(value) !== undefined, "expected a size such as 8M, 1G or a number of bytes")),
  z.transform((value: string | number) => bytesOf(value) ?? 0),
);
