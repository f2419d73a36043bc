/** The calls of the device API, as `METHOD /path`. */
const CALLS = {
  auth: /^POST \/api\/devices\/v1\/authentication\/auth_requests$/,
  inventory: /^PUT \/api\/devices\/v1\/inventory\/device\/attributes$/,
  trouble: /^PATCH \/api\/devices\/v1\/inventory\/device\/attributes$/,
  next: /^POST \/api\/devices\/v2\/deployments\/device\/deployments\/next$/,
  nextV1: /^GET \/api\/devices\/v1\/deployments\/device\/deployments\/next\?/,
  status: /^PUT \/api\/devices\/v1\/deployments\/device\/deployments\/[^/]+\/status$/,
  log: /^PUT \/api\/devices\/v1\/deployments\/device\/deployments\/[^/]+\/log$/,
} as const;

/** A short name for a call. */
export type DeviceApiCall = keyof typeof CALLS;

/** Ignores a path prefix of the server's address, which some installations have. */
export function callOf(method: string, path: string): DeviceApiCall | undefined {
  const call = `${method} ${path.slice(Math.max(0, path.indexOf("/api/devices/")))}`;
  return (Object.keys(CALLS) as DeviceApiCall[]).find((name) => CALLS[name].test(call));
}

/** The deployment that a path of `status` or `log` names. */
export const deploymentIn = (path: string): string =>
  decodeURIComponent(/\/deployments\/([^/]+)\/(?:status|log)$/.exec(path)?.[1] ?? "");
