import { type FormEvent, type ReactNode, useState } from "react";
import { Refused } from "../api/client.ts";
import { signIn } from "../api/sign-in.ts";
import { Button } from "../parts/button.tsx";
import { Field } from "../parts/field.tsx";
import { t } from "../words/words.ts";

/** Asks who it is. `onSignedIn` is called when the server has begun a session. */
export function SignInForm({ onSignedIn }: { readonly onSignedIn: () => void }): ReactNode {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [code, setCode] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<string>();

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    setBusy(true);
    setTrouble(undefined);
    try {
      await signIn({ email, password, ...(code !== undefined && code !== "" && { token2fa: code }) });
      onSignedIn();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const wantsCode = error.code === "SECOND_FACTOR_MISSING";
      if (wantsCode) setCode("");
      setTrouble(wantsCode && code === undefined ? undefined : error.status === 0 ? t("login.away") : error.message);
    } finally {
      setBusy(false);
    }
  }

  return (
    <form onSubmit={(event) => void submit(event)}>
      <Field
        {...{ name: "email", type: "email", autoComplete: "username", label: t("login.email") }}
        {...{ value: email, onChange: setEmail, isRequired: true, autoFocus: true }}
      />
      <Field
        {...{ name: "password", type: "password", autoComplete: "current-password", label: t("login.password") }}
        {...{ value: password, onChange: setPassword, isRequired: true }}
      />
      {code !== undefined && (
        <Field
          {...{ name: "code", autoComplete: "one-time-code", inputMode: "numeric", label: t("login.code") }}
          {...{ value: code, onChange: setCode, isRequired: true, autoFocus: true }}
        />
      )}
      <div role="alert">{trouble !== undefined && <p className="trouble">{trouble}</p>}</div>
      <Button kind="primary" type="submit" isDisabled={isBusy}>
        {isBusy ? t("login.busy") : t("login.submit")}
      </Button>
    </form>
  );
}

/** The first page of who is not signed in. */
export const SignInPage = ({ onSignedIn }: { readonly onSignedIn: () => void }): ReactNode => (
  <main className="login">
    <div className="panel">
      <h1>{t("login.title")}</h1>
      <SignInForm onSignedIn={onSignedIn} />
    </div>
  </main>
);
