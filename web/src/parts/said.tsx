import type { UseQueryResult } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { Refused } from "../api/client.ts";
import { Icon, type Shape, type Tone } from "../frame/icons.tsx";
import { t } from "../words/words.ts";

interface SayProps {
  readonly shape: Shape;
  readonly tone?: Tone;
  readonly what: string;
  readonly so?: string | undefined;
  readonly small?: string | undefined;
  /** It is all that the page has. */
  readonly isPage?: boolean;
}

/** Says that there is nothing to show, and why. */
export const SaySo = ({ shape, tone = "idle", what, so, small, isPage = false }: SayProps): ReactNode => (
  <div className="say-so">
    <Icon shape={shape} tone={tone} />
    {isPage ? <h1>{what}</h1> : <h2>{what}</h2>}
    {so !== undefined && <p>{so}</p>}
    {small !== undefined && <small className="faint">{small}</small>}
  </div>
);

/** The shape of what comes, after 150 ms: what comes sooner needs no skeleton. */
export function Skeleton({ rows = 3 }: { readonly rows?: number }): ReactNode {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 150);
    return () => clearTimeout(timer);
  }, []);
  if (!isLate) return null;
  return (
    <div className="skeleton" role="status" aria-label={t("said.loading")}>
      {Array.from({ length: rows }, (_, row) => (
        // Rows of a skeleton have no other name than their place.
        // biome-ignore lint/suspicious/noArrayIndexKey: they are all the same
        <span key={row} />
      ))}
    </div>
  );
}

/** Why something could not be read. */
export function Trouble({ error, isPage = false }: { readonly error: Error; readonly isPage?: boolean }): ReactNode {
  const refused = error instanceof Refused ? error : undefined;
  const small = refused?.requestId && t("said.request", { id: refused.requestId });
  const more = { small, isPage };
  if (refused?.status === 403)
    return <SaySo shape="held" tone="warn" what={t("said.denied")} so={deniedBy(refused)} {...more} />;
  if (refused?.status === 404) return <SaySo shape="waiting" what={t("said.gone")} so={t("said.goneSo")} {...more} />;
  return <SaySo shape="attention" tone="warn" what={t("said.error")} so={t("said.errorSo")} {...more} />;
}

function deniedBy({ message }: Refused): string {
  const permission = /permission=(\w+)/.exec(message)?.[1];
  return permission === undefined ? message : t("said.deniedSo", { permission });
}

interface LoadedProps<T> {
  readonly query: UseQueryResult<T>;
  readonly rows?: number;
  /** The page has nothing else. */
  readonly isPage?: boolean;
  readonly children: (data: T) => ReactNode;
}

/** Shows what a query has read, or that it loads, or why it failed. What was read before stays until there is more. */
export function Loaded<T>({ query, rows, isPage = false, children }: LoadedProps<T>): ReactNode {
  if (query.data !== undefined) return children(query.data);
  if (query.error !== null) return <Trouble error={query.error} isPage={isPage} />;
  return <Skeleton {...(rows !== undefined && { rows })} />;
}
