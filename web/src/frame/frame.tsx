import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useMatches } from "@tanstack/react-router";
import { type ReactNode, useEffect, useRef } from "react";
import { rolloutsQuery, sessionQuery } from "../api/queries.ts";
import { signOut } from "../api/sign-in.ts";
import { Button } from "../parts/button.tsx";
import { number, t, type Word } from "../words/words.ts";
import { Freshness } from "./freshness.tsx";
import { Icon, type Shape } from "./icons.tsx";
import { flipTheme } from "./theme.ts";

interface Place {
  readonly to: "/" | "/rollouts";
  readonly shape: Shape;
  readonly word: Word;
}

const PLACES: readonly Place[] = [
  { to: "/", shape: "home", word: "overview.title" },
  { to: "/rollouts", shape: "steps", word: "rollouts.title" },
];

/** What is around each page: the places, where one is, and how fresh the data is. */
export function Frame({ onSignedOut }: { readonly onSignedOut: () => void }): ReactNode {
  const matches = useMatches();
  const title = matches.at(-1)?.staticData.title;
  const path = matches.at(-1)?.pathname ?? "/";
  const main = useRef<HTMLElement>(null);
  const before = useRef(path);
  useEffect(() => {
    document.title = title === undefined ? "Switchback" : `${t(title)} · Switchback`;
    // Whoever follows a link by keyboard or screen reader goes on in the new page, not in the old link.
    if (before.current !== path) main.current?.focus();
    before.current = path;
  }, [title, path]);
  return (
    <>
      <a className="skip" href="#main">
        {t("frame.skip")}
      </a>
      <div className="frame">
        <Rail onSignedOut={onSignedOut} />
        <div className="frame-body">
          <header className="top">
            <span className="crumb">{title !== undefined && t(title)}</span>
            <Freshness />
            <Button kind="plain" label={t("frame.theme")} onPress={flipTheme}>
              <Icon shape="theme" />
            </Button>
          </header>
          <main id="main" ref={main} tabIndex={-1}>
            <Outlet />
          </main>
        </div>
      </div>
      <nav className="tab-bar" aria-label={t("frame.main")}>
        {PLACES.map((place) => (
          <PlaceLink key={place.to} {...place} />
        ))}
      </nav>
    </>
  );
}

function Rail({ onSignedOut }: { readonly onSignedOut: () => void }): ReactNode {
  const { data: session } = useQuery(sessionQuery);
  const { data: running } = useQuery(rolloutsQuery(true));
  const halted = running?.data.filter(({ state }) => state === "halted").length ?? 0;
  return (
    <nav className="rail" aria-label={t("frame.main")}>
      <Link className="brand" to="/">
        <svg viewBox="0 0 20 20" aria-hidden="true">
          <path d="M16 3.5H7a3.2 3.2 0 0 0 0 6.4h6a3.3 3.3 0 0 1 0 6.6H4" />
        </svg>
        Switchback
      </Link>
      {PLACES.map((place) => (
        <PlaceLink key={place.to} {...place} className="place">
          {place.to === "/rollouts" && halted > 0 && (
            <span className="place-count">
              <Icon shape="held" />
              {number(halted)} <span className="hidden-visually">{t("state.halted")}</span>
            </span>
          )}
        </PlaceLink>
      ))}
      <div className="rail-foot">
        {session !== undefined && <span>{t("frame.email", { email: session.user.email })}</span>}
        <Button kind="plain" onPress={() => void signOut().finally(onSignedOut)}>
          {t("frame.signOut")}
        </Button>
      </div>
    </nav>
  );
}

const PlaceLink = ({
  to,
  shape,
  word,
  className,
  children,
}: Place & { readonly className?: string; readonly children?: ReactNode }): ReactNode => (
  <Link
    {...{ to, activeOptions: { exact: to === "/", includeSearch: false }, activeProps: { "aria-current": "page" } }}
    {...(className !== undefined && { className })}
  >
    <Icon shape={shape} />
    <span>{t(word)}</span>
    {children}
  </Link>
);
