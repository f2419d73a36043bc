import { simulatedDevice } from "./device.ts";
import { createFigures, type Summary } from "./figures.ts";
import { type FleetPlan, Life } from "./life.ts";
import { createSchedule } from "./schedule.ts";
import { createWire, type Wire, type WireOptions } from "./wire.ts";

export interface SimulationOptions extends FleetPlan, WireOptions {
  readonly devices: number;
  /** Seconds over which the devices appear. */
  readonly rampS: number;
  /** Seconds until it ends by itself. Without it, it runs until the signal. */
  readonly durationS: number | undefined;
}

export interface Simulation {
  /** What has happened so far. */
  summary(): Summary;
  /** Resolves when it has ended. */
  readonly ended: Promise<Summary>;
}

/** Runs a fleet of devices that speak the device API and install nothing. */
export function simulate(options: SimulationOptions, signal: AbortSignal): Simulation {
  const figures = createFigures();
  const schedule = createSchedule();
  const wires = new Map<string, Wire>();
  const wireTo = (url: URL): Wire => {
    const known = wires.get(url.origin);
    if (known !== undefined) return known;
    const wire = createWire({ ...options, url });
    wires.set(url.origin, wire);
    return wire;
  };
  const world = { wire: wireTo(options.url), wireTo, schedule, figures, plan: options };
  for (let index = 0; index < options.devices; index += 1)
    new Life(simulatedDevice(options.seed, index), world).begin((index / options.devices) * options.rampS * 1000);
  const ended = new Promise<Summary>((resolve) => {
    const end = (): void => {
      schedule.stop();
      for (const wire of wires.values()) wire.close();
      resolve(figures.summary());
    };
    if (options.durationS !== undefined) schedule.after(options.durationS * 1000, end);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
  return { summary: figures.summary, ended };
}
