import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { ADMIN, barriers, ConsoleUnderTest, signIn } from "../../../support/console/console.ts";
import { RolloutFleet } from "../../../support/server/rollout-fleet.ts";

let console: ConsoleUnderTest;
let fleet: RolloutFleet;
beforeAll(async () => {
  console = await ConsoleUnderTest.start();
  fleet = await RolloutFleet.make(console.server, 8);
});
afterAll(() => console.close());
afterEach(async () => {
  // A rollout that is left would refuse the next one.
  if (fleet.deployment !== "") await console.server.request("POST", actsOf(fleet.deployment), { act: "abort" });
  fleet.deployment = "";
  expect(console.faults.splice(0)).toEqual([]);
});

const ROLLOUTS = "/api/management/v2/deployments/rollouts";
const actsOf = (id: string): string => `${ROLLOUTS}/${id}/acts`;

/** A rollout in two waves, of which the first is open. */
async function begin(): Promise<string> {
  expect(await fleet.create({ waves: [{ count: 4, gate: { success_pct: 100 } }, { rest: true }] })).toBe(201);
  return fleet.deployment;
}

async function act(body: object): Promise<void> {
  const answer = await console.server.request("POST", actsOf(fleet.deployment), body);
  expect(answer.status, await answer.clone().text()).toBe(200);
}

test("who has no session is asked; a wrong password is said in words, and the right one leads to the page of the address", async () => {
  const context = await console.context();
  const page = await context.newPage();
  await page.goto("/rollouts?state=all");
  await signIn(page, { ...ADMIN, password: "wrong" });
  await page.getByText("The email address or the password is wrong.").waitFor();
  await signIn(page);
  await page.getByRole("heading", { name: "Rollouts", exact: true }).waitFor();
  expect(new URL(page.url()).search).toBe("?state=all");
  await page.getByText("There is no rollout yet.").waitFor();
  const [cookie] = await context.cookies();
  expect(cookie).toMatchObject({ name: "__Host-session", httpOnly: true, secure: true, sameSite: "Lax" });
  // No script can read anything of the session.
  expect(await page.evaluate("[document.cookie, localStorage.length]")).toEqual(["", 0]);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Email address").waitFor();
  await page.reload();
  await page.getByLabel("Email address").waitFor();
  await context.close();
});

test("the overview says what needs somebody and what is under way; a rollout says what is the case, and follows it by itself", async () => {
  const page = await console.signedIn();
  await page.getByText("Nothing needs you.").waitFor();
  const id = await begin();
  // It was not there when the page was read.
  await page.getByRole("link", { name: fleet.release }).click();
  await page.waitForURL(`**/rollouts/${id}`);
  await page.getByRole("heading", { name: /^On course, in wave 1 of 2: 0 of 8 devices with the release/ }).waitFor();
  const offered = await fleet.poll(fleet.members.slice(0, 2));
  await fleet.report(offered, "success");
  await page.getByRole("heading", { name: /2 of 8 devices with the release/ }).waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByRole("heading", { name: /^Paused by admin@example.com since/ }).waitFor();
  // Another person goes on.
  await act({ act: "resume" });
  await page.getByRole("heading", { name: /^On course/ }).waitFor();

  await page.getByRole("button", { name: "Abort…" }).click();
  const dialog = page.getByRole("dialog", { name: "Abort this rollout" });
  const final = dialog.getByRole("button", { name: "Abort for 6 devices" });
  expect(await final.isDisabled()).toBe(true);
  expect(await barriers(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Leave it as it is" }).click();
  await page.getByRole("button", { name: "Abort…" }).click();
  await dialog.getByLabel("Type 6 to confirm").fill("6");
  await final.click();
  await page.getByRole("heading", { name: /^Aborted by admin@example.com/ }).waitFor();
  await page.goBack();
  await page.getByText("No rollout is under way.").waitFor();
  await page.context().close();
});

test("an act is refused if the rollout is no more as it was shown, and the new numbers are read", async () => {
  const page = await console.signedIn();
  const id = await begin();
  await page.goto(`/rollouts/${id}`);
  await page.getByRole("button", { name: "Pause" }).waitFor();
  // What the page knows is kept from getting newer.
  await page.route(`**${ROLLOUTS}/${id}/summary`, (route) => route.abort());
  await act({ act: "pause" });
  await act({ act: "resume" });
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByText("The rollout has changed since you read this.").waitFor();
  await page.unroute(`**${ROLLOUTS}/${id}/summary`);
  await page.context().close();
});

test("a session that ends under a page asks for the password over it, and the page is as it was", async () => {
  const page = await console.signedIn("/rollouts?state=all");
  await page.getByRole("heading", { name: "Rollouts", exact: true }).waitFor();
  const answer = await console.server.request("DELETE", "/api/management/v1/useradm/users/me/sessions");
  expect(answer.status).toBe(204);
  await page.getByRole("link", { name: "Under way" }).click();
  await page.getByText("Your session has ended.").waitFor();
  await signIn(page);
  await page.getByText("No rollout is under way.").waitFor();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  expect(new URL(page.url()).search).toBe("?state=running");
  await page.context().close();
});

test("each page and state has no barrier for people with disabilities, in both themes, on a large and on a small screen", async () => {
  const id = await begin();
  for (const colorScheme of ["light", "dark"] as const)
    for (const viewport of [
      { width: 1440, height: 900 },
      { width: 390, height: 844 },
      { width: 320, height: 640 },
    ]) {
      const page = await (await console.context({ colorScheme, viewport })).newPage();
      await page.goto("/");
      await page.getByLabel("Email address").waitFor();
      expect(await barriers(page), `sign in ${colorScheme} ${viewport.width}`).toEqual([]);
      await signIn(page);
      await page.locator("#main").waitFor();
      for (const [path, shows] of [
        ["/", "Rollouts under way"],
        ["/rollouts", fleet.release],
        [`/rollouts/${id}`, "Waves"],
        ["/rollouts/0b1f1a52-6f3f-4d0e-9a43-7f0b6ef0a7c1", "There is no such thing any more."],
        ["/nowhere", "There is no such thing any more."],
      ] as const) {
        await page.goto(path);
        await page.getByText(shows).first().waitFor();
        expect(await barriers(page), `${path} ${colorScheme} ${viewport.width}`).toEqual([]);
        // Nobody has to scroll in two directions.
        const overflow = await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
        expect(overflow, `${path} ${viewport.width}`).toBeLessThanOrEqual(0);
      }
      await page.context().close();
    }
});

test("what devices and people write is shown as text", async () => {
  const name = `<img src=x onerror="document.title='run'"> \u202egnp.exe <script>alert(1)</script>`;
  const answer = await console.server.request("POST", "/api/management/v1/deployments/deployments", {
    ...{ name, artifact_name: fleet.release, devices: fleet.members.map(({ id }) => id) },
    rollout: { waves: [{ rest: true }] },
  });
  expect(answer.status).toBe(201);
  fleet.deployment = answer.headers.get("location")?.split("/").at(-1) ?? "";
  const page = await console.signedIn("/rollouts");
  const link = page.getByRole("link").filter({ hasText: "onerror" });
  await link.waitFor();
  expect(await page.locator("main img, main script").count()).toBe(0);
  await link.click();
  await page.getByRole("heading", { level: 1 }).filter({ hasText: "onerror" }).waitFor();
  expect(await page.title()).toBe("Rollouts · Switchback");
  await page.context().close();
});

test("the console speaks the language of the browser, and every place is reached by keyboard", async () => {
  const german = await (await console.context({ locale: "de-DE" })).newPage();
  await german.goto("/");
  await german.getByRole("heading", { name: "Anmelden" }).waitFor();
  expect(await german.locator("html").getAttribute("lang")).toBe("de");
  await german.context().close();

  const page = await (await console.context()).newPage();
  await page.goto("/");
  await page.getByLabel("Email address").waitFor();
  await page.keyboard.type(ADMIN.email);
  await page.keyboard.press("Tab");
  await page.keyboard.type(ADMIN.password);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Needs you", exact: true }).waitFor();
  await page.keyboard.press("Tab");
  expect(await page.evaluate("document.activeElement?.textContent")).toBe("Skip to the content");
  for (let presses = 0; presses < 3; presses += 1) await page.keyboard.press("Tab");
  expect(await page.evaluate("document.activeElement?.textContent")).toBe("Rollouts");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Rollouts", exact: true }).waitFor();
  // Who goes on, goes on in the new page.
  expect(await page.evaluate("document.activeElement?.id")).toBe("main");
  await page.context().close();
});
