/**
 * Sends a signal to one process. A number that is missing must fail here: `process.kill(0)` and `process.kill(-1)` would
 * end the tests themselves, without a word.
 */
export function killProcess(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined || pid <= 1) throw new Error(`no process to send ${signal} to: ${pid}`);
  process.kill(pid, signal);
}
