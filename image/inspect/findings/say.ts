import type { ImageFinding } from "../report.ts";

export const good = (subject: string, found: string): ImageFinding => ({ level: "ok", subject, found });
export const warning = (subject: string, found: string, advice: string): ImageFinding => ({
  level: "warning",
  ...{ subject, found, advice },
});
export const wrong = (subject: string, found: string, advice: string): ImageFinding => ({
  level: "wrong",
  ...{ subject, found, advice },
});

const UNITS = ["KiB", "MiB", "GiB", "TiB"] as const;

/** Shows a size in the largest unit in which it is a whole number, or has at most four digits before the point. */
export function sizeText(bytes: number): string {
  let size = bytes / 1024;
  let unit = 0;
  while (unit < UNITS.length - 1 && (size >= 10_000 || (size > 0 && size % 1024 === 0))) {
    size /= 1024;
    unit++;
  }
  return `${Number.isInteger(size) ? size : size.toFixed(1)} ${UNITS[unit]}`;
}
