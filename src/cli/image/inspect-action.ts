import { inspectImage } from "../../../image/inspect/inspect-image.ts";
import type { CliIo } from "../../agent/io.ts";
import { jsonLine } from "../one-line.ts";
import { createProgress, NO_PROGRESS } from "../progress.ts";
import { reportLines } from "./report-text.ts";

export interface InspectOptions {
  readonly progress: boolean;
  readonly json?: true;
}

/** What `image inspect` does. @throws {AgentError} the codes of `inspectImage` */
export async function inspect(file: string, options: InspectOptions, io: CliIo): Promise<void> {
  const progress = options.progress ? createProgress(io, "unpacking", undefined) : NO_PROGRESS;
  const report = await inspectImage(file, io.signal, progress.advance).finally(progress.done);
  if (options.json === true) io.out(jsonLine(report));
  else for (const line of reportLines(report)) io.out(line);
  if (!report.ok) io.exitCode = 1;
}
