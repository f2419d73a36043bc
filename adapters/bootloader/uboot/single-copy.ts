/** The weakness of a single-copy environment, whichever code accesses it. */
export const TORN = "a power cut during a write can destroy it";

/** The remedy for a single-copy environment. */
export const SECOND_COPY =
  "Configure a redundant environment in U-Boot, and write a line for each copy into fw_env.config.";
