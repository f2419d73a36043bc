import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { RolloutSummary } from "../../../../src/protocol/api/rollout-summaries.ts";
import { factSentence, headlineSentence } from "../../../../src/protocol/words/rollout-words.ts";
import { summaryQuery } from "../../api/queries.ts";
import { Bar, tallyText } from "../../parts/bar.tsx";
import { RolloutState } from "../../parts/rollout-state.tsx";
import { Loaded } from "../../parts/said.tsx";
import { dateTime, number, t } from "../../words/words.ts";
import { Acts } from "./acts.tsx";

/** One rollout: what is the case, what one can do, and how its waves are. */
export function RolloutPage(): ReactNode {
  const { id } = useParams({ from: "/frame/rollouts/$id" });
  const query = useQuery(summaryQuery(id));
  return (
    <Loaded query={query} rows={8} isPage>
      {(summary) => (
        <>
          <div className="head">
            <div>
              <h1 dir="auto">{summary.name}</h1>
              <p className="secondary">
                {t("rollout.facts", {
                  release: summary.artifact_name,
                  devices: t("rollout.devices", { count: summary.device_count }),
                  time: dateTime(summary.created),
                })}
              </p>
            </div>
            <RolloutState {...summary} />
          </div>
          <Verdict summary={summary} />
          <Waves summary={summary} />
        </>
      )}
    </Loaded>
  );
}

interface Props {
  readonly summary: RolloutSummary;
}

const Verdict = ({ summary }: Props): ReactNode => (
  <section className="panel verdict" data-tone={summary.state === "halted" ? "bad" : undefined}>
    <div className="says" aria-live="polite">
      <h2 dir="auto">{headlineSentence(summary.headline)}</h2>
      <ul>
        {summary.facts.map((fact) => (
          <li key={fact.code} dir="auto">
            {factSentence(fact)}
          </li>
        ))}
      </ul>
    </div>
    <Acts summary={summary} />
  </section>
);

const Waves = ({ summary: { wave_list: waves, totals } }: Props): ReactNode => (
  <section className="panel" aria-labelledby="waves">
    <header>
      <h2 id="waves">{t("rollout.waves")}</h2>
      <span className="legend">{tallyText(totals)}</span>
    </header>
    <ol className="waves">
      {waves.map((wave, index) => (
        // A wave has no other name than its place.
        // biome-ignore lint/suspicious/noArrayIndexKey: waves never change their order
        <li key={index}>
          <div className="wave-head">
            <b>{t("wave.title", { number: index + 1 })}</b>
            <span className="faint">{number(wave.size)}</span>
          </div>
          <Bar size="tall" counts={wave.tally === undefined ? NOTHING : { ...wave.tally, waiting: waitingIn(wave) }} />
          <small className="secondary">
            {wave.tally === undefined ? t("wave.next") : tallyText({ ...wave.tally, waiting: waitingIn(wave) })}
          </small>
          {wave.gate !== undefined && (
            <p>
              <small className="secondary">
                {t("wave.gate", {
                  good: number(wave.gate.good),
                  of: number(wave.gate.of),
                  needed: number(wave.gate.needed),
                })}
              </small>
            </p>
          )}
        </li>
      ))}
    </ol>
  </section>
);

const NOTHING = { updated: 0, under_way: 0, failed: 0 };

function waitingIn({ size, tally }: RolloutSummary["wave_list"][number]): number {
  const begun = tally === undefined ? 0 : Object.values(tally).reduce((sum, n) => sum + n, 0);
  return Math.max(0, size - begun);
}
