import { useQuery } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { rolloutsQuery } from "../../api/queries.ts";
import { RolloutTable } from "../../parts/rollout-table.tsx";
import { Loaded, SaySo } from "../../parts/said.tsx";
import { number, t } from "../../words/words.ts";

const TABS = [
  { state: "running", word: "rollouts.running" },
  { state: "all", word: "rollouts.all" },
] as const;

/** Rollouts, the newest first. */
export function Rollouts(): ReactNode {
  const { state } = useSearch({ from: "/frame/rollouts" });
  const query = useQuery(rolloutsQuery(state === "running"));
  return (
    <>
      <h1>{t("rollouts.title")}</h1>
      <section className="panel">
        <header>
          <nav className="tabs" aria-label={t("rollouts.show")}>
            {TABS.map((tab) => (
              <Link
                key={tab.state}
                to="/rollouts"
                search={{ state: tab.state }}
                aria-current={ariaOf(tab.state === state)}
              >
                {t(tab.word)}
              </Link>
            ))}
          </nav>
        </header>
        <Loaded query={query} rows={6}>
          {({ data, total }) => (
            <>
              {data.length === 0 ? <None isAll={state === "all"} /> : <RolloutTable rollouts={data} />}
              {total !== undefined && total > data.length && (
                <p className="say-so">{t("rollouts.more", { count: number(total) })}</p>
              )}
            </>
          )}
        </Loaded>
      </section>
    </>
  );
}

const ariaOf = (isHere: boolean): "page" | undefined => (isHere ? "page" : undefined);

const None = ({ isAll }: { readonly isAll: boolean }): ReactNode =>
  isAll ? (
    <SaySo shape="waiting" what={t("rollouts.emptyAll")} so={t("rollouts.emptyAllSo")} />
  ) : (
    <SaySo shape="waiting" what={t("rollouts.empty")} so={t("rollouts.emptySo")} />
  );
