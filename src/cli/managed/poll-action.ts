import type { CliIo } from "../../agent/io.ts";
import { composePoller } from "../../agent/managed/managed.ts";
import { bootId } from "../../agent/managed/schedule.ts";
import { composeServer, type KeyOptions } from "../../agent/managed/server.ts";
import { composeWork } from "../../agent/managed/work.ts";
import type { GlobalOptions } from "../../agent/options.ts";
import { savedSchedule, startSchedule, toSaved } from "../../core/poller/schedule.ts";
import { untilReboot } from "../update/until-reboot.ts";

export interface PollOptions extends KeyOptions {
  readonly now?: true;
  readonly reboot?: true;
}

/** What `poll` does. The caller holds the lock. */
export async function poll(
  options: GlobalOptions,
  { now, reboot, ...keyOptions }: PollOptions,
  io: CliIo,
): Promise<void> {
  const server = await composeServer(options, keyOptions, io);
  await untilReboot(io, async (signal, leave) => {
    const session = await server.session();
    const work = composeWork(server, session, {
      alone: (task) => task(),
      leavesReboot: reboot !== true,
      leave,
      onEnd(answer) {
        if (answer.kind === "ended" && answer.status === "failure") io.exitCode = 1;
      },
    });
    const boot = await bootId();
    const nowMs = server.host.clock.monotonicMs();
    const start = now ? startSchedule(nowMs) : savedSchedule((await session.state()).due, boot, nowMs);
    const poller = composePoller(server, session, work, start);
    try {
      await poller.once(signal);
    } finally {
      // After an interruption the saved schedule stays due, so that the next run continues the work.
      if (!signal.aborted) await session.update({ due: toSaved(poller.schedule, boot) });
    }
  });
}
