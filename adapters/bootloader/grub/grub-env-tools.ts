import type { EnvTools } from "../tool-env.ts";

/** The tools of Mender's GRUB integration, which find the environment without configuration from the agent. */
export const GRUB_ENV_TOOLS: EnvTools = {
  printArgv: ["grub-mender-grubenv-print"],
  setArgv: ["grub-mender-grubenv-set"],
  package: "grub-mender-grubenv",
};
