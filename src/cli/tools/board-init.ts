import { join } from "node:path";
import { composeAgent } from "../../agent/agent.ts";
import type { CliIo } from "../../agent/io.ts";
import { resolvePaths } from "../../config/paths.ts";
import { reportRun } from "../../core/deployment/report.ts";
import { describeError } from "../../errors/agent-error.ts";
import { underLock } from "../under-lock.ts";
import { DEPLOYED } from "../update/continue-action.ts";

const WAITING = "An update waits for 'commit' or 'rollback'.";

/**
 * Plays the board's init once a system has come up, as the service shipped for real boards does: the agent finishes or
 * undoes what a power cut interrupted, and keeps waiting if a person must decide.
 *
 * @returns a message for people, `undefined` when no update is in progress
 */
export function boardInit(dir: string, io: CliIo): Promise<string | undefined> {
  const options = { config: join(dir, "etc/mender.conf"), datastore: join(dir, "data"), skipVerify: false };
  return underLock(resolvePaths(options, io.env), io, async () => async () => {
    const agent = await composeAgent(options, io);
    const answer = await agent.standalone.resume(new Set(["commit"]), io.signal);
    if (answer.kind === "managed") return DEPLOYED;
    if (answer.kind !== "ran") return undefined;
    const { lines } = reportRun("resume", answer.run, false);
    const given = answer.invalid === undefined ? [] : [describeError(answer.invalid)];
    return [...given, ...lines, ...(answer.run.snapshot.state === "commit" ? [WAITING] : [])].join(" ");
  });
}
