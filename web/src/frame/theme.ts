/** A year. */
const LIFETIME_S = 365 * 24 * 3600;

/** Dark to light, or back. The server reads the cookie, so that the next page has the theme from its first paint. */
export function flipTheme(): void {
  const { documentElement: root } = document;
  const now = root.dataset["theme"] ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const next = now === "dark" ? "light" : "dark";
  root.dataset["theme"] = next;
  // biome-ignore lint/suspicious/noDocumentCookie: not every browser has the Cookie Store API
  document.cookie = `theme=${next}; Path=/; Max-Age=${LIFETIME_S}; SameSite=Lax`;
}
