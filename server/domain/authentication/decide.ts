/** What the server knows of the key of a request: its auth set. `unknown`: the device has no set with this key. */
export type SetState = "unknown" | "pending" | "rejected" | "preauthorized" | "accepted";

/** What the server knows of the identity. A decommissioned device is unknown: nothing of it is left. */
export type DeviceState = "unknown" | "known";

/** What to do with an authentication request whose signature is right. Only `issue` and `promote` answer a token. */
export type Decision =
  /** Make a device with a pending auth set. */
  | "addDevice"
  /** A new key of a known device: make a pending auth set. The sets that it has stay as they are. */
  | "addSet"
  /** Somebody has to accept it first. */
  | "wait"
  | "refuse"
  /** It was announced with this very key: accept it. */
  | "promote"
  | "issue";

const OF_SET: Readonly<Record<SetState, Decision>> = {
  unknown: "addSet",
  pending: "wait",
  rejected: "refuse",
  preauthorized: "promote",
  accepted: "issue",
};

const TABLE: Readonly<Record<DeviceState, Readonly<Record<SetState, Decision | undefined>>>> = {
  unknown: {
    unknown: "addDevice",
    pending: undefined,
    rejected: undefined,
    preauthorized: undefined,
    accepted: undefined,
  },
  known: OF_SET,
};

/** Decides about an authentication request. */
export function decide(device: DeviceState, set: SetState): Decision {
  const decision = TABLE[device][set];
  if (decision === undefined) throw new Error(`an auth set that is ${set} belongs to no device`);
  return decision;
}
