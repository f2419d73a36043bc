/** As much of a line is read. What tells lines apart stands in front. */
const READ_MAX = 500;
const SIGNATURE_MAX = 200;

/**
 * What differs between devices that fail for the same reason, and the mark that takes its place. Each expression looks
 * at a character a bounded number of times: devices may send anything.
 */
const MARKS: readonly (readonly [what: RegExp, mark: string])[] = [
  [/\b[a-z][a-z0-9+.-]{1,9}:\/\/[^\s"'‘’“”<>()]+/gi, "‹url›"],
  [/\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/gi, "‹id›"],
  [/\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?(?:Z|[+-]\d\d:?\d\d)\b)?)?/g, "‹time›"],
  [/\b[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}\b/gi, "‹address›"],
  [/(?<![\w.])\d{1,2}:\d\d:\d\d(?:[.,]\d{1,9})?(?![\w:])/g, "‹time›"],
  [/(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?(?![\w]|\.\d)/g, "‹address›"],
  [/\[?(?<![\w:])(?=[a-f:]{0,40}\d)(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])(?:\]:\d{1,5}|\])?/gi, "‹address›"],
  [/(?<![\w.‹›/])(?:~|\.{1,2})?\/[^\s"'‘’“”`,;:<>()[\]]+/g, "‹path›"],
  [/\b0x[0-9a-f]+\b/gi, "‹hex›"],
  [/\b(?=[a-f]{0,40}\d)[0-9a-f]{8,128}\b/gi, "‹hex›"],
  [/\d+(?:[.,]\d+)*/g, "‹n›"],
];

/** A line without what differs from device to device, at most 200 characters long. Two that fail alike have the same. */
export function signatureOf(line: string): string {
  let text = printable(line);
  for (const [what, mark] of MARKS) text = text.replace(what, mark);
  return [...text.trim()].slice(0, SIGNATURE_MAX).join("");
}

/** A line as it may be shown: without control characters, on one line, and not too long. */
export const printable = (line: string): string =>
  line
    .slice(0, READ_MAX)
    .replace(/\p{Surrogate}/gu, "\uFFFD")
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, " ")
    .trim();
