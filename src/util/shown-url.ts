/**
 * Returns the parts of a URL that a log may show: query strings of download links contain signatures, and passwords
 * precede the host. If the URL cannot be parsed, only its scheme is returned, because the rest may be secret.
 */
export function shownUrl(address: string | URL): string {
  const text = String(address);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && url.host !== "") return `${url.protocol}//${url.host}${url.pathname}`;
  return /^[a-z][a-z0-9+.-]*:/i.exec(text)?.[0] ?? "";
}
