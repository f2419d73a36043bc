/** How a person has shown who they are. */
export type LoginProof =
  | { readonly by: "password" }
  | { readonly by: "app" }
  /** With how many recovery codes are left. */
  | { readonly by: "recovery-code"; readonly left: number };

/** Why a login failed, of an account that exists. */
export type LoginFailure = "password" | "second-factor";

/** Failed logins of an account that no record tells of yet. */
export interface Failures {
  readonly count: number;
  readonly since: Date | null;
}

/** What the record of a login says. */
export function loginText(proof: LoginProof, { count, since }: Failures): string {
  const how = {
    password: () => "By password.",
    app: () => "By password and a code of the app.",
    "recovery-code": () => {
      const left = proof.by === "recovery-code" ? proof.left : 0;
      return `By password and a recovery code, of which ${left} ${left === 1 ? "is" : "are"} left.`;
    },
  }[proof.by]();
  return count === 0 ? how : `${how} Before it, ${failedText(count, since)}.`;
}

/** What the record of failed logins says. @param last why the last one failed, if that is known */
export function failureText({ count, since }: Failures, last: LoginFailure | undefined): string {
  const why = { password: "the password was wrong", "second-factor": "the code of the second factor was wrong" };
  const text = failedText(count, since);
  if (last === undefined) return `${text[0]?.toUpperCase()}${text.slice(1)}.`;
  return `${text[0]?.toUpperCase()}${text.slice(1)}: ${count === 1 ? "" : "in the last one, "}${why[last]}.`;
}

function failedText(count: number, since: Date | null): string {
  if (count === 1) return "one login failed";
  return `${count} logins failed${since === null ? "" : ` since ${since.toISOString()}`}`;
}
