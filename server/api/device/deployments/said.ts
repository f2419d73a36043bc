import type { Facts } from "../../../domain/selection/facts.ts";

/** What a device says of itself in a poll, with the texts by which polls are compared. */
export interface Said {
  readonly facts: Facts;
  /** Its provides as JSON. */
  readonly provides: string;
  /** All that it says. */
  readonly text: string;
}

/** Requests share what repeated bodies say, and so these. */
const known = new WeakMap<object, Said>();

/** @returns undefined if the device does not say what it is and what it runs */
export function readSaid(provides: Facts["provides"]): Said | undefined {
  const before = known.get(provides);
  if (before !== undefined) return before;
  const { artifact_name: artifactName = "", device_type: deviceType = "" } = provides;
  if (artifactName === "" || deviceType === "") return undefined;
  const json = JSON.stringify(provides);
  const facts = { artifactName, deviceType, provides };
  const said = { facts, provides: json, text: `${artifactName}\n${deviceType}\n${json}` };
  known.set(provides, said);
  return said;
}
