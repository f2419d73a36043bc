import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Rollout } from "../../../src/protocol/api/rollout-views.ts";
import { dateTime, number, t } from "../words/words.ts";
import { Bar, tallyText } from "./bar.tsx";
import { RolloutState } from "./rollout-state.tsx";

export const RolloutTable = ({ rollouts }: { readonly rollouts: readonly Rollout[] }): ReactNode => (
  <table className="table">
    <thead>
      <tr>
        <th scope="col">{t("rollouts.column.name")}</th>
        <th scope="col">{t("rollouts.column.state")}</th>
        <th scope="col">{t("rollouts.column.progress")}</th>
        <th scope="col" className="number">
          {t("rollouts.column.failed")}
        </th>
        <th scope="col">{t("rollouts.column.created")}</th>
      </tr>
    </thead>
    <tbody>
      {rollouts.map((rollout) => (
        <tr key={rollout.id}>
          <td>
            <Link to="/rollouts/$id" params={{ id: rollout.id }} dir="auto">
              {rollout.name}
            </Link>
            <br />
            <small className="faint" dir="auto">
              {rollout.artifact_name}
            </small>
          </td>
          <td>
            <RolloutState {...rollout} />
          </td>
          <td>
            <Bar counts={rollout.totals} />
            <small className="secondary">{tallyText(rollout.totals)}</small>
          </td>
          <td className="number">{number(rollout.totals.failed)}</td>
          <td>
            <time dateTime={rollout.created}>{dateTime(rollout.created)}</time>
          </td>
        </tr>
      ))}
    </tbody>
  </table>
);
