import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import type { RolloutSummary } from "../../../../src/protocol/api/rollout-summaries.ts";
import type { RolloutAct, RolloutActed } from "../../../../src/protocol/api/rollout-views.ts";
import { count, devices } from "../../../../src/protocol/words/numbers.ts";
import { EFFECTS } from "../../../../src/protocol/words/rollout-words.ts";
import { call, Refused } from "../../api/client.ts";
import { summaryQuery } from "../../api/queries.ts";
import { Button } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Field } from "../../parts/field.tsx";
import { t } from "../../words/words.ts";

type Act = RolloutSummary["acts"][number];
/** Of `leave_out`, a person must say which devices: there is no line for a query here yet. */
type ActName = Exclude<RolloutAct["act"], "leave_out">;
/** These ask before they act. */
type AskedName = Exclude<ActName, "pause">;

/** `done`: at once, because it harms nobody. `final`: it cannot be taken back, and asks for the number of devices. */
const LEVELS: Readonly<Record<ActName, "done" | "asked" | "final">> = {
  pause: "done",
  ...{ approve: "asked", resume: "asked", open_next: "asked", skip_soak: "asked", retry_failed: "asked" },
  ...{ abort: "final", roll_back: "final" },
};

const isKnown = (act: string): act is ActName => Object.hasOwn(LEVELS, act);
const isAsked = (act: ActName): act is AskedName => LEVELS[act] !== "done";

/** What one can do to a rollout, in order of harm, each with what it would do. */
export function Acts({ summary }: { readonly summary: RolloutSummary }): ReactNode {
  const [open, setOpen] = useState<AskedName>();
  const { run, isBusy, trouble } = useAct(summary, () => setOpen(undefined));
  const acts = summary.acts.flatMap((act) => (isKnown(act.act) ? [{ ...act, act: act.act }] : []));
  const chosen = acts.find(({ act }) => act === open);
  return (
    <div className="acts">
      <h3>{t("act.youCan")}</h3>
      {acts.length === 0 && <p className="faint">{t("act.none")}</p>}
      <ul>
        {acts.map((act) => (
          <li key={act.act}>
            <small className="secondary">
              <Effects act={act} />
            </small>
            <Button
              isDisabled={act.refused !== undefined || isBusy}
              {...(LEVELS[act.act] === "final" && { kind: "stop" as const })}
              onPress={() => (isAsked(act.act) ? setOpen(act.act) : run(act.act))}
            >
              {t(`act.${act.act}`)}
            </Button>
          </li>
        ))}
      </ul>
      <div role="alert">{trouble !== undefined && open === undefined && <p className="trouble">{trouble}</p>}</div>
      {chosen !== undefined && open !== undefined && (
        <Confirm
          key={`${open} ${summary.rev}`}
          {...{ act: chosen, name: open, isBusy, trouble }}
          onKeep={() => setOpen(undefined)}
          onConfirm={() => run(open)}
        />
      )}
    </div>
  );
}

/** What becomes of devices, or why it cannot be done. */
const Effects = ({ act: { refused, effects, roll_back: back } }: { readonly act: Act }): ReactNode =>
  refused ?? (
    <span className="effects">
      {effects.map(({ code, devices: n }) => (
        <span key={code}>
          {Object.hasOwn(EFFECTS, code) ? EFFECTS[code]?.(devices(n), true) : `${code}: ${count(n)}`}{" "}
        </span>
      ))}
      {back !== undefined && t("act.rollBackTo", { devices: devices(back.devices), release: back.release })}
    </span>
  );

interface ConfirmProps {
  readonly act: Act;
  readonly name: AskedName;
  readonly isBusy: boolean;
  readonly trouble: string | undefined;
  readonly onKeep: () => void;
  readonly onConfirm: () => void;
}

/** Says once more what an act does, in numbers. The safe choice has the focus. */
function Confirm({ act, name, isBusy, trouble, onKeep, onConfirm }: ConfirmProps): ReactNode {
  const [typed, setTyped] = useState("");
  const reached = act.roll_back?.devices ?? Math.max(0, ...act.effects.map(({ devices: n }) => n));
  const isFinal = LEVELS[name] === "final";
  return (
    <Dialog title={t(`act.title.${name}`)} isOpen onClose={onKeep}>
      <p>
        <Effects act={act} />
      </p>
      {isFinal && <p className="tone-bad">{t("act.final")}</p>}
      {isFinal && (
        <Field
          label={t("act.type", { number: reached })}
          name="typed"
          inputMode="numeric"
          value={typed}
          onChange={setTyped}
        />
      )}
      <div role="alert">{trouble !== undefined && <p className="trouble">{trouble}</p>}</div>
      <div className="dialog-end">
        <Button autoFocus={!isFinal} onPress={onKeep}>
          {t("act.keep")}
        </Button>
        <Button
          kind={isFinal ? "final" : "primary"}
          isDisabled={isBusy || (isFinal && typed.trim() !== String(reached))}
          onPress={onConfirm}
        >
          {isBusy ? t("act.busy") : t(`act.confirm.${name}`, { devices: t("act.devices", { count: reached }) })}
        </Button>
      </div>
    </Dialog>
  );
}

/** Acts with what the person has seen, so that the server refuses if it is not so any more. */
function useAct(summary: RolloutSummary, onDone: () => void) {
  const client = useQueryClient();
  const [trouble, setTrouble] = useState<string>();
  const { id, rev, totals } = summary;
  const mutation = useMutation({
    mutationFn: (act: ActName) =>
      call<RolloutActed>("POST", `/api/management/v2/deployments/rollouts/${id}/acts`, {
        body: { act, expect: { rev, totals } },
      }),
    onMutate: () => setTrouble(undefined),
    onSuccess: onDone,
    onError: (error) => {
      const hasMoved = error instanceof Refused && error.code === "ROLLOUT_MOVED_ON";
      setTrouble(hasMoved ? t("act.changed") : error.message);
    },
    // Also after a lost answer: the summary then says whether it was accepted.
    onSettled: () => client.invalidateQueries({ queryKey: summaryQuery(id).queryKey.slice(0, 1) }),
  });
  return { run: (act: ActName) => mutation.mutate(act), isBusy: mutation.isPending, trouble };
}
