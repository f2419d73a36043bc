import { isJsonObject } from "./json-object.ts";

/** Whether a JSON value is an object with only string values. Any key is valid, even `__proto__`. */
export const isTextRecord = (value: unknown): value is Record<string, string> =>
  isJsonObject(value) && Object.values(value).every((item) => typeof item === "string");
