import type { ReactNode } from "react";
import type { Rollout } from "../../../src/protocol/api/rollout-views.ts";
import { Icon, type Shape, type Tone } from "../frame/icons.tsx";
import { t } from "../words/words.ts";

const LOOKS: Readonly<Record<Rollout["state"], readonly [Shape, Tone]>> = {
  waiting: ["waiting", "idle"],
  running: ["underWay", "run"],
  paused: ["held", "warn"],
  halted: ["held", "bad"],
  ending: ["underWay", "idle"],
  aborted: ["failed", "idle"],
  finished: ["updated", "ok"],
};

type Props = Pick<Rollout, "state" | "waves_open" | "waves">;

/** The state of a rollout: a silhouette and its word. */
export function RolloutState({ state, waves_open: open, waves }: Props): ReactNode {
  const [shape, tone] = LOOKS[state];
  return (
    <span className="state">
      <Icon shape={shape} tone={tone} />
      {state === "running" ? t("state.running", { open, waves }) : t(`state.${state}`)}
    </span>
  );
}
