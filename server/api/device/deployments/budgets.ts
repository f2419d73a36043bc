import type { Running, RunningSet } from "../../../adapters/postgres/running-deployments.ts";
import {
  type Budget,
  type Busy,
  budgetsOf,
  type Charge,
  chargeOf,
  isUnlimited,
} from "../../../domain/downloads/budgets.ts";
import { siteOf } from "../../../domain/downloads/site.ts";
import type { UsedUp } from "../../../domain/rollout/come-back.ts";
import type { FullRollouts } from "./full-rollouts.ts";

interface Download {
  readonly deployment: Pick<Running, "id">;
  readonly artifact: Pick<Running["artifacts"][number], "size">;
}

const NONE: readonly Budget[] = [];

/** The budgets that the downloads of one device need, by deployment. Without limits, they cost nothing. */
export class Budgets {
  readonly #of: ReadonlyMap<string, readonly Budget[]>;
  readonly #blocked = new Set<string>();

  constructor({ limits }: RunningSet, possible: readonly Running[], address: string) {
    let site: string | undefined;
    const of = ({ id, downloads }: Running): readonly Budget[] => {
      if (isUnlimited(limits) && downloads === undefined) return NONE;
      site ??= siteOf(address, limits);
      return budgetsOf(id, downloads, limits, site);
    };
    this.#of = new Map(possible.map((one) => [one.id, of(one)]));
  }

  get keys(): readonly string[] {
    return [...this.#of.values()].flatMap((budgets) => budgets.map(({ key }) => key));
  }

  /** Leaves out what needs this budget, until the device polls again. */
  block(key: string): void {
    this.#blocked.add(key);
  }

  #blocking = (deployment: string): Budget | undefined =>
    this.#of.get(deployment)?.find(({ key }) => this.#blocked.has(key));

  busy = ({ id }: Running): Busy | undefined => this.#blocking(id)?.busy;

  chargesFor({ deployment, artifact }: Download): readonly Charge[] {
    return (this.#of.get(deployment.id) ?? NONE).map((budget) => chargeOf(budget, artifact.size));
  }

  /** Until when a deployment waits for a budget, as far as this process knows. */
  usedUp({ id, artifacts }: Running, full: FullRollouts, now: number): UsedUp | undefined {
    const budget = this.#blocking(id);
    if (budget === undefined) return undefined;
    const size = Math.max(0, ...artifacts.map((artifact) => artifact.size));
    return { until: now + full.leftMs(budget.key), downloadS: chargeOf(budget, size).ms / 1000 };
  }
}
