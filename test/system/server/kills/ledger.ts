/** What was asked of the server, and what of it the server has acknowledged. */
export class Ledger {
  /** By name. */
  readonly uploads = new Map<string, Upload>();
  /** By name. */
  readonly deployments = new Map<string, Deployment>();
  /** Ids of devices. */
  readonly acceptances = new Map<string, Asked>();
  /** By deployment and device. */
  readonly reports = new Map<string, Report>();

  report(deployment: string, device: string): Report {
    const key = `${deployment} ${device}`;
    const known = this.reports.get(key);
    if (known !== undefined) return known;
    const made: Report = { deployment, device, asked: [], acked: undefined, log: undefined };
    this.reports.set(key, made);
    return made;
  }

  /** How many acts the server has acknowledged, by kind. */
  counts(): Record<"statuses" | "logs" | "uploads" | "acceptances" | "deployments" | "acts", number> {
    const acked = (all: Iterable<Asked>): number => [...all].filter(({ acked }) => acked).length;
    const reports = [...this.reports.values()];
    return {
      statuses: reports.reduce(
        (sum, { acked: last, asked }) => sum + (last === undefined ? 0 : asked.indexOf(last) + 1),
        0,
      ),
      logs: reports.filter(({ log }) => log?.acked === true).length,
      uploads: acked(this.uploads.values()),
      acceptances: acked(this.acceptances.values()),
      deployments: acked(this.deployments.values()),
      acts: [...this.deployments.values()].reduce((sum, { acts }) => sum + acts.acked.length, 0),
    };
  }
}

export type Act = "pause" | "resume";

interface Asked {
  acked: boolean;
}

interface Upload extends Asked {
  readonly sha256: string;
  id: string | undefined;
}

export interface Deployment extends Asked {
  readonly devices: readonly string[];
  readonly isRollout: boolean;
  /** What people did with the rollout. */
  readonly acts: { readonly asked: Act[]; readonly acked: Act[] };
  id: string | undefined;
}

export interface Report {
  readonly deployment: string;
  readonly device: string;
  /** All statuses that were sent, in their order. */
  readonly asked: string[];
  /** The last one that the server has acknowledged. */
  acked: string | undefined;
  log: (Asked & { readonly text: string }) | undefined;
}
