import { createHash } from "node:crypto";
import { PASSWORD_PAGE } from "../../domain/authentication/password-links.ts";
import type { Routes } from "../app-types.ts";

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:24rem;margin:4rem auto;padding:0 1rem;color:#1c1c1c;background:#fff}
label{display:block;margin:1rem 0}input{display:block;box-sizing:border-box;width:100%;font:inherit;padding:.4rem}
button{font:inherit;padding:.4rem 1rem}[role=status]{min-height:3rem}
@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#161616}}`;

/** The token leaves the address at once, so that no history and no photograph of the screen has it. */
const PASSWORD_SCRIPT = `const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
const form = document.querySelector("form");
const status = document.querySelector("[role=status]");
if (token === "") status.textContent = "The link is not whole: copy all of it into the address bar.";
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { password, again, send } = form.elements;
  if (password.value !== again.value) {
    status.textContent = "The two passwords differ.";
    return;
  }
  send.disabled = true;
  status.textContent = "One moment.";
  try {
    const answer = await fetch("api/management/v1/useradm/auth/password-reset/complete", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ secret_hash: token, password: password.value }),
    });
    if (answer.ok) {
      form.hidden = true;
      status.textContent = "Your password is set. You can log in with it now.";
      return;
    }
    status.textContent = (await answer.json()).error;
  } catch {
    status.textContent = "The server cannot be reached. Try again.";
  }
  send.disabled = false;
});`;

const PAGE = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Set your password</title><style>${STYLE}</style></head><body>
<h1>Set your password</h1>
<form>
<label>New password<input name="password" type="password" autocomplete="new-password" minlength="8" maxlength="512" required autofocus></label>
<label>The same again<input name="again" type="password" autocomplete="new-password" required></label>
<button name="send">Set password</button>
</form>
<p role="status"></p>
<noscript><p>This page needs JavaScript. Without it: <code>switchback-fleet password set LINK</code></p></noscript>
<script>${PASSWORD_SCRIPT}</script>
</body></html>
`;

const hashOf = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
const POLICY = [
  ...["default-src 'none'", `style-src ${hashOf(STYLE)}`, `script-src ${hashOf(PASSWORD_SCRIPT)}`],
  ...["connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
].join("; ");

/** The page that links to set a password open. It needs nothing but itself, and no other page can show it in a frame. */
export const passwordPage: Routes = (app) => {
  app.get(PASSWORD_PAGE, { config: { auth: "none" }, schema: { hide: true } }, (_request, reply) =>
    reply
      .type("text/html; charset=utf-8")
      .headers({ "content-security-policy": POLICY, "referrer-policy": "no-referrer", "cache-control": "no-store" })
      .serializer(String)
      .send(PAGE),
  );
};
