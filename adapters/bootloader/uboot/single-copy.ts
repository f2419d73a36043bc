/** What is wrong with an environment in one copy, however it is accessed. */
export const TORN = "a power cut while it is written can destroy it";

/** What to do about it. */
export const SECOND_COPY = "Configure U-Boot for a redundant environment, and fw_env.config with a line for each copy.";
