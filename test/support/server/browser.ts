/** A browser that follows links and keeps cookies for each origin. */
export class Browser {
  readonly #cookies = new Map<string, Map<string, string>>();

  /** Cookies that it has for an origin, as their header. */
  cookiesFor(url: string): string {
    const jar = this.#cookies.get(new URL(url).origin) ?? new Map<string, string>();
    return [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  setCookie(url: string, name: string, value: string): void {
    const { origin } = new URL(url);
    const jar = this.#cookies.get(origin) ?? new Map<string, string>();
    this.#cookies.set(origin, jar);
    if (value === "") jar.delete(name);
    else jar.set(name, value);
  }

  /** One request, without following where it leads. */
  async open(url: string, init: RequestInit = {}): Promise<Response> {
    const cookie = this.cookiesFor(url);
    const headers = { ...(init.headers as Record<string, string>), ...(cookie !== "" && { cookie }) };
    const answer = await fetch(url, { ...init, headers, redirect: "manual" });
    for (const line of answer.headers.getSetCookie()) {
      const [pair = "", ...attributes] = line.split(";");
      const [name = "", ...value] = pair.split("=");
      const isGone =
        attributes.some((one) => /max-age=0$/i.test(one.trim())) ||
        attributes.some((one) => /^\s*expires=.*1970/i.test(one));
      this.setCookie(url, name.trim(), isGone ? "" : value.join("="));
    }
    return answer;
  }

  /** Follows all links from here up to, and without, the first address that begins with `until`. @returns that address */
  async follow(url: string, until: string): Promise<string> {
    let at = url;
    for (let steps = 0; steps < 12; steps++) {
      if (at.startsWith(until) && at !== url) return at;
      const answer = await this.open(at);
      const location = answer.headers.get("location");
      if (location === null) throw new Error(`${at}: ${answer.status} ${await answer.text()}`);
      at = new URL(location, at).href;
    }
    throw new Error(`no end of links: ${at}`);
  }
}
