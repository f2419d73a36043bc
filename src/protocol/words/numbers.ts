/** `12,480` */
export const count = (value: string | number | undefined): string => Number(value ?? 0).toLocaleString("en");

/** `1 device`, `12,480 devices` */
export const devices = (value: string | number | undefined): string =>
  `${count(value)} ${Number(value) === 1 ? "device" : "devices"}`;

/** `Tue, 2 Jun 2026, 10:05`, in the time zone of the reader. */
export function shownTime(timestamp: string | undefined): string {
  if (timestamp === undefined) return "";
  const date = { weekday: "short", day: "numeric", month: "short", year: "numeric" } as const;
  return new Date(timestamp).toLocaleString("en-GB", { ...date, hour: "2-digit", minute: "2-digit" });
}

/** The same for milliseconds since 1970. */
export const at = (value: string | number | undefined): string => shownTime(new Date(Number(value)).toISOString());
