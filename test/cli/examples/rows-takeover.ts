import { expect } from "vitest";
import { COMMITTED, PENDING } from "../../support/client-stores.ts";
import type { Device } from "./device.ts";
import type { Row, Situation } from "./row.ts";

const STORE = "/board/data/mender-store";
const withStore = (store: Buffer) => (device: Device) => device.put(STORE, store, 0o600);
const NO_CLIENT: Situation = { at: "device", exit: 2, says: ["Nothing to take over"], changes: ["*"] };
const PENDING_UPDATE: Situation = {
  at: "device",
  given: withStore(PENDING),
  exit: 1,
  says: ["TAKEOVER_PENDING", "mod-1", "mender rollback"],
  changes: ["*"],
};

/** Examples of `takeover`, on a device with the store of the real client. */
export const TAKEOVER_ROWS: readonly Row[] = [
  {
    example: "switchback takeover --check",
    fits: { at: "device", given: withStore(COMMITTED), says: ["Possible.", "artifact_name=mod-2"], changes: [] },
    twice: { says: ["Possible."] },
    otherwise: { "no Mender client": NO_CLIENT, "an update of it that is pending": PENDING_UPDATE },
  },
  {
    example: "switchback takeover",
    fits: {
      at: "device",
      given: withStore(COMMITTED),
      says: ["Taken over", "artifact_name=mod-2"],
      promised: async (device) => expect((await device.run("switchback show-artifact")).out).toBe("mod-2\n"),
    },
    twice: { says: ["already"] },
    otherwise: { "no Mender client": NO_CLIENT, "an update of it that is pending": PENDING_UPDATE },
  },
  {
    example: "switchback takeover --undo",
    fits: {
      at: "device",
      given: withStore(COMMITTED),
      around: (line) => `switchback takeover >/dev/null && ${line}`,
      says: ["Given back"],
      promised: (device) => expect(device.text(STORE)).toBe(COMMITTED.toString()),
    },
    otherwise: { "a device that was not taken over": { ...NO_CLIENT, says: ["Nothing to give back"] } },
  },
];
