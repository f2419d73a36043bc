/**
 * An address as a log may show it: query strings of download links hold signatures, and passwords stand before the host.
 * Of what cannot be taken apart only the scheme is shown, for anything behind it may be the secret.
 */
export function shownUrl(address: string | URL): string {
  const text = String(address);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && url.host !== "") return `${url.protocol}//${url.host}${url.pathname}`;
  return /^[a-z][a-z0-9+.-]*:/i.exec(text)?.[0] ?? "";
}
