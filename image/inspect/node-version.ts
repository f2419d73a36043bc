/** The oldest Node that runs the agent. */
const NEEDED = [20, 19] as const;
export const NODE_NEEDED = NEEDED.join(".");

/** @param version of a package, such as `1:20.19.2+dfsg-1`; an unknown version is not old */
export function isNodeOld(version: string | undefined): boolean {
  if (version === undefined) return false;
  const [major = 0, minor = 0] = version
    .replace(/^\d+:/, "")
    .split(".")
    .map((part) => Number.parseInt(part, 10));
  return major < NEEDED[0] || (major === NEEDED[0] && minor < NEEDED[1]);
}
