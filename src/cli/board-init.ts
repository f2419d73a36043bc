import { join } from "node:path";
import { composeAgent } from "../compose.ts";
import { resolvePaths } from "../config/paths.ts";
import { createJournal } from "../core/deployment/journal.ts";
import { reportRun } from "../core/deployment/report.ts";
import type { CliIo } from "./io.ts";
import { underLock } from "./under-lock.ts";

const WAITING = "An update waits for 'commit' or 'rollback'.";
const DEPLOYED = "A deployment waits for 'daemon' or 'poll'.";

/**
 * What the init of the virtual board does when a system has come up, as the service that is shipped for
 * real boards does: the agent finishes or undoes what a power cut interrupted, and goes on waiting where a
 * person decides.
 *
 * @returns what to tell people, `undefined` when no update is in progress
 */
export function boardInit(dir: string, io: CliIo): Promise<string | undefined> {
  const options = { config: join(dir, "etc/mender.conf"), datastore: join(dir, "data"), skipVerify: false };
  return underLock(resolvePaths(options, io.env), io, async () => async () => {
    const agent = await composeAgent(options, io);
    if ((await createJournal(agent.store).load())?.mode === "managed") return DEPLOYED;
    const answer = await agent.standalone.resume(new Set(["commit"]), io.signal);
    if (answer.kind !== "ran") return undefined;
    const { lines } = reportRun("resume", answer.run, false);
    return [...lines, ...(answer.run.snapshot.state === "commit" ? [WAITING] : [])].join(" ");
  });
}
