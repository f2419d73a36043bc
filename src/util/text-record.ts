/** Whether a JSON value is an object whose values are all text. Its keys may be any: `__proto__` is one like the others. */
export const isTextRecord = (value: unknown): value is Record<string, string> =>
  isJsonObject(value) && Object.values(value).every((item) => typeof item === "string");

export const isJsonObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
