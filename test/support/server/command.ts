import { runCommandLine } from "../../../server/cli/command-line.ts";

/** Runs a command of `switchback-server` in this process. @returns its exit status, and all that it said */
export async function command(...argv: readonly string[]): Promise<readonly [exitCode: number, said: string]> {
  let said = "";
  const say = (line: string): void => {
    said += `${line}\n`;
  };
  const io = { out: say, err: say, environment: {}, logTo: { write: () => undefined }, exitCode: 0 };
  const signals = { onSignal: () => undefined, exit: () => undefined };
  const whole = { ...io, ...signals };
  await runCommandLine(argv, whole);
  return [whole.exitCode, said];
}
