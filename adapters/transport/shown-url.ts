/** Query strings of download links hold signatures, and passwords stand before the host: neither is for a log. */
export const shownUrl = (url: URL): string => url.origin + url.pathname;
