/** The statuses of a device in a deployment that are its end. */
export const FINAL_STATUSES: readonly string[] = [
  ...["success", "failure", "already-installed", "noartifact", "aborted", "decommissioned"],
];

export const isFinal = (status: string): boolean => FINAL_STATUSES.includes(status);

/** What a person, and not the device, has ended: the device is told to stop. */
export const isEndedByPeople = (status: string): boolean => status === "aborted" || status === "decommissioned";
