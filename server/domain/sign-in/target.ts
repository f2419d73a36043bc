/** Where a person goes after the provider has signed them in: a page of this server, or a program on their machine. */
export type Target =
  | { readonly kind: "page"; readonly path: string }
  | { readonly kind: "program"; readonly port: number; readonly challenge: string };

/** Any origin will do: it only shows whether a text leaves it. */
const ORIGIN = "https://origin.invalid";

/**
 * A path of this server, as a header can have it. `undefined`: the text is none, or a browser could read it as the address
 * of another site.
 */
export function ownPath(text: string): string | undefined {
  if (!/^\/(?![/\\])[^\\\p{Cc}]{0,1000}$/u.test(text) || !URL.canParse(text, ORIGIN)) return undefined;
  const { origin, pathname, search, hash } = new URL(text, ORIGIN);
  return origin === ORIGIN && !pathname.startsWith("//") ? `${pathname}${search}${hash}` : undefined;
}

/** The address of a program that waits on the machine of the browser, with what it is to know. */
export function programUrl(port: number, answer: { readonly code: string } | { readonly error: string }): string {
  return `http://127.0.0.1:${port}/?${new URLSearchParams({ ...answer })}`;
}
