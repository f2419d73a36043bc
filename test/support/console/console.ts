import { pathToFileURL } from "node:url";
import axe, { type AxeResults } from "axe-core";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { bundleConsole } from "../../../scripts/lib/console-bundle.ts";
import { madeOnce } from "../made-once.ts";
import { startTestServer, type TestServer } from "../server/test-server.ts";

export const ADMIN = { email: "admin@example.com", password: "correct horse battery" };

/** A server with its console, and a browser. */
export class ConsoleUnderTest {
  readonly server: TestServer;
  readonly #browser: Browser;
  /** What a page must never say: faults of scripts, and what its policy has refused. */
  readonly faults: string[] = [];

  private constructor(server: TestServer, browser: Browser) {
    this.server = server;
    this.#browser = browser;
  }

  static async start(): Promise<ConsoleUnderTest> {
    const folder = await madeOnce("console", bundleConsole);
    const server = await startTestServer({ consoleFolder: pathToFileURL(`${folder}/console/`) });
    // Root has no sandbox of its own in Chromium, and each page here is ours.
    const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
    return new ConsoleUnderTest(server, browser);
  }

  async close(): Promise<void> {
    await this.#browser.close();
    await this.server.close();
  }

  /** A new browser, as another person has it. */
  async context(options: Parameters<Browser["newContext"]>[0] = {}): Promise<BrowserContext> {
    const context = await this.#browser.newContext({ baseURL: this.server.url, locale: "en-GB", ...options });
    context.on("weberror", (fault) => this.faults.push(fault.error().message));
    context.on("console", (message) => {
      const text = message.text();
      // The browser itself names each answer with an error: some tests want one.
      if (message.type() === "error" && !text.startsWith("Failed to load resource")) this.faults.push(text);
    });
    return context;
  }

  /** A page of somebody who is signed in. */
  async signedIn(path = "/", options?: Parameters<Browser["newContext"]>[0]): Promise<Page> {
    const page = await (await this.context(options)).newPage();
    await page.goto(path);
    await signIn(page);
    await page.locator("#main").waitFor();
    return page;
  }
}

/** Signs in by the form that is on the page. */
export async function signIn(page: Page, { email, password } = ADMIN): Promise<void> {
  await page.getByLabel("Email address").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** What axe finds wrong on a page, by the rules of WCAG 2.2 A and AA and its best practices. */
export async function barriers(page: Page): Promise<string[]> {
  // Not as a script of the page: its policy would refuse it.
  await page.evaluate(`${axe.source}; 0`);
  const { violations } = await page.evaluate<AxeResults>(`axe.run(document, { resultTypes: ["violations"] })`);
  return violations.flatMap(({ id, help, nodes }) => nodes.map(({ target }) => `${id}: ${help}: ${target.join(" ")}`));
}
