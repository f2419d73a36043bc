import { afterAll, vi } from "vitest";

/**
 * Notes the environment, the folder and the umask of this process.
 *
 * @returns restores them, and undoes the stubs of vitest
 */
export function processState(): () => void {
  const [folder, mask, environment] = [process.cwd(), process.umask(), { ...process.env }];
  return () => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
    vi.unstubAllEnvs();
    process.chdir(folder);
    process.umask(mask);

    for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
    Object.assign(process.env, environment);
  };
}

// Files of a tier share processes: what one file leaves behind must not decide a test of the next.
afterAll(processState());
