import { type ReactNode, useSyncExternalStore } from "react";
import { useLive } from "../live/use-live.ts";
import { clock, t } from "../words/words.ts";

/** Says whether what is on the screen is what the server knows now. */
export function Freshness(): ReactNode {
  const live = useLive();
  const { state, at } = useSyncExternalStore(live.subscribe, live.snapshot);
  return (
    <span className="freshness" data-state={state}>
      {t(state === "live" ? "fresh.live" : "fresh.away", { time: clock(at) })}
    </span>
  );
}
