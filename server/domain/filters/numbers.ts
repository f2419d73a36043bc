/** A text that is a number: up to 15 characters, so that no digit is lost when it becomes one. */
export const NUMBER_TEXT = "^-?[0-9]+([.][0-9]+)?$";
export const NUMBER_LENGTH_MAX = 15;

const PATTERN = new RegExp(NUMBER_TEXT);

/** The number that a value is or says. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value !== "string" || value.length > NUMBER_LENGTH_MAX || !PATTERN.test(value)) return undefined;
  return Number(value);
}
