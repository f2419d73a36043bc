/** Stands for the hash of a password where there is none yet: no password fits. */
export const NO_PASSWORD = "none";
