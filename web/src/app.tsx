import { QueryClientProvider, useQuery, useQueryClient } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { type ReactNode, useEffect, useMemo, useState } from "react";
import { onSignedOut, Refused } from "./api/client.ts";
import { sessionQuery } from "./api/queries.ts";
import { Live } from "./live/live.ts";
import { LiveContext } from "./live/use-live.ts";
import { SignInForm, SignInPage } from "./pages/sign-in.tsx";
import { Dialog } from "./parts/dialog.tsx";
import { SaySo, Skeleton, Trouble } from "./parts/said.tsx";
import { queryClient } from "./query-client.ts";
import { makeRouter } from "./router.tsx";
import { t } from "./words/words.ts";

export const App = (): ReactNode => (
  <QueryClientProvider client={queryClient}>
    <Door />
  </QueryClientProvider>
);

/** Lets in who has a session, and asks all others to sign in. */
function Door(): ReactNode {
  const session = useQuery(sessionQuery);
  const again = (): void => void session.refetch();
  if (session.data?.must_set_up === true)
    return <SaySo isPage shape="key" tone="warn" what={t("login.title")} so={t("login.setUp")} />;
  if (session.data !== undefined) return <Console key={session.data.user.id} />;
  if (session.error === null) return <Skeleton />;
  if (session.error instanceof Refused && session.error.status === 401) return <SignInPage onSignedIn={again} />;
  return <Trouble error={session.error} isPage />;
}

/** The pages. Who is signed out meanwhile signs in over them, and loses nothing. */
function Console(): ReactNode {
  const client = useQueryClient();
  const [isOut, setOut] = useState(false);
  useEffect(() => onSignedOut(() => setOut(true)), []);
  const live = useMemo(() => new Live(refresh), []);
  useEffect(() => () => live.end(), [live]);
  // Nothing of what this person has read stays for the next one.
  const router = useMemo(() => makeRouter(() => location.assign("/")), []);
  async function back(): Promise<void> {
    await client.invalidateQueries();
    setOut(false);
  }
  return (
    <LiveContext value={live}>
      <RouterProvider router={router} />
      <Dialog title={t("login.title")} isOpen={isOut} isStrict onClose={() => {}}>
        <p>{t("login.again")}</p>
        <div className="sign-in-again">
          <SignInForm onSignedIn={() => void back()} />
        </div>
      </Dialog>
    </LiveContext>
  );
}

/** At most so often, what an event is about is read again. */
const REFRESH_MS = 250;
const waiting = new Map<string, ReturnType<typeof setTimeout>>();

/** Reads again what an event says has changed, as far as it is on the screen. */
function refresh(type: string): void {
  const keys: readonly unknown[][] =
    type === "resync"
      ? [[]]
      : /^(?:deployment|rollout)/.test(type)
        ? [["rollouts"], ["attention"]]
        : type.startsWith("device")
          ? [["devices"], ["attention"]]
          : [["attention"]];
  for (const queryKey of keys) {
    const name = JSON.stringify(queryKey);
    if (waiting.has(name)) continue;
    const timer = setTimeout(() => {
      waiting.delete(name);
      void queryClient.invalidateQueries({ queryKey });
    }, REFRESH_MS);
    waiting.set(name, timer);
  }
}
