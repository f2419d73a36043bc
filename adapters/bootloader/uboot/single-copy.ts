/** What is wrong with an environment in one copy, however it is accessed. */
export const TORN = "a power cut during a write can destroy it";

/** What to do about it. */
export const SECOND_COPY =
  "Configure a redundant environment in U-Boot, and write a line for each copy into fw_env.config.";
