import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Attention } from "../../../../src/protocol/api/overview.ts";
import { attentionSentences } from "../../../../src/protocol/words/attention-words.ts";
import { attentionQuery, deviceCountQuery, rolloutsQuery } from "../../api/queries.ts";
import { Icon, type Shape, type Tone } from "../../frame/icons.tsx";
import { RolloutTable } from "../../parts/rollout-table.tsx";
import { Loaded, SaySo } from "../../parts/said.tsx";
import { number, t } from "../../words/words.ts";

/** What a person looks at first: what needs them, then how the fleet is. */
export function Overview(): ReactNode {
  return (
    <>
      <h1 className="hidden-visually">{t("overview.title")}</h1>
      <NeedsYou />
      <Figures />
      <UnderWay />
    </>
  );
}

type Item = Attention[number];

const LOOKS: Readonly<Record<string, readonly [Shape, Tone]>> = {
  DEVICES_INCONSISTENT: ["attention", "bad"],
  ROLLOUT_HALTED: ["held", "bad"],
  GROUP_SILENT: ["silent", "lost"],
  DEVICES_SILENT: ["silent", "lost"],
  ROLLOUT_NEEDS_APPROVAL: ["waiting", "run"],
  DEVICES_PENDING: ["key", "idle"],
};

function NeedsYou(): ReactNode {
  const query = useQuery(attentionQuery);
  return (
    <section className="panel" aria-labelledby="needs-you">
      <header>
        <h2 id="needs-you">{t("overview.needsYou")}</h2>
        {query.data !== undefined && query.data.length > 0 && (
          <span className="aside">{t("overview.order", { count: query.data.length })}</span>
        )}
      </header>
      <Loaded query={query}>
        {(items) =>
          items.length === 0 ? (
            <SaySo shape="updated" tone="ok" what={t("overview.nothing")} so={t("overview.nothingSo")} />
          ) : (
            <ul className="attention">
              {items.map((item) => (
                <Needed key={`${item.code} ${item.about?.id ?? ""}`} item={item} />
              ))}
            </ul>
          )
        }
      </Loaded>
    </section>
  );
}

function Needed({ item: { code, facts, about } }: { readonly item: Item }): ReactNode {
  const [shape, tone] = LOOKS[code] ?? ["link", "idle"];
  const [what, so] = attentionSentences(code, facts, about?.name);
  return (
    <li>
      <Icon shape={shape} tone={tone} />
      <div>
        <b>{what}</b>
        <p>{so}</p>
      </div>
      {about?.type === "rollout" && (
        <Link className="button" to="/rollouts/$id" params={{ id: about.id }}>
          {t("overview.go.rollout")}
        </Link>
      )}
    </li>
  );
}

function Figures(): ReactNode {
  const accepted = useQuery(deviceCountQuery("accepted"));
  const pending = useQuery(deviceCountQuery("pending"));
  const running = useQuery(rolloutsQuery(true));
  const figures = [
    { word: "figure.accepted", query: accepted, value: accepted.data },
    { word: "figure.pending", query: pending, value: pending.data },
    { word: "figure.running", query: running, value: running.data?.total },
  ] as const;
  return (
    <dl className="panel figures">
      {figures.map(({ word, query, value }) => (
        <div key={word}>
          <dt>{t(word)}</dt>
          <dd>{value === undefined ? (query.error === null ? "…" : "–") : number(value)}</dd>
        </div>
      ))}
    </dl>
  );
}

function UnderWay(): ReactNode {
  const query = useQuery(rolloutsQuery(true));
  return (
    <section className="panel" aria-labelledby="under-way">
      <header>
        <h2 id="under-way">{t("overview.underWay")}</h2>
        <Link className="link aside" to="/rollouts" search={{ state: "all" }}>
          {t("rollouts.all")}
        </Link>
      </header>
      <Loaded query={query}>
        {({ data }) =>
          data.length === 0 ? (
            <SaySo shape="waiting" what={t("rollouts.empty")} so={t("rollouts.emptySo")} />
          ) : (
            <RolloutTable rollouts={data} />
          )
        }
      </Loaded>
    </section>
  );
}
