import { z } from "zod";

/** Text in one line, without control characters. */
export const Line = z
  .string()
  .max(256)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, "has control characters");

/** Text of people in any number of lines. */
export const FreeText = z
  .string()
  .max(10_000)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: PostgreSQL does not store NUL.
  .regex(/^[^\u0000\p{Cs}]*$/u, "has characters that cannot be stored");

/** A parameter of a query that may occur several times. */
export const Repeated = z.preprocess((value) => (value === undefined ? [] : [value].flat()), z.array(Line).max(100));
