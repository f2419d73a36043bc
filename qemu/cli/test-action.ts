import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CliIo } from "../../src/agent/io.ts";
import { jsonLine } from "../../src/cli/one-line.ts";
import { AgentError } from "../../src/errors/agent-error.ts";
import { loadHarnessBoard } from "../board/harness-board.ts";
import { AGENTS } from "../harness/agent-commands.ts";
import { plainImage } from "../harness/image-copy.ts";
import { junitXml } from "../harness/junit.ts";
import { summaryLine } from "../harness/report-text.ts";
import { SCENARIO_NAMES, testImage } from "../harness/test-image.ts";
import { accessFrom, expectHostHas, numberOption, wordOption } from "./options.ts";
import { progressOn } from "./terminal.ts";

export interface TestCommandOptions {
  readonly board: string;
  readonly artifact: readonly string[];
  readonly scenarios?: string;
  readonly server?: true;
  readonly cuts: string;
  readonly seed: string;
  readonly agent: string;
  readonly user: string;
  readonly sshKey?: string;
  readonly startTimeout: string;
  readonly bootAnyway?: true;
  readonly junit?: string;
  readonly json?: true;
  readonly keep?: string;
  readonly kvm?: true;
}

/**
 * What `test` does.
 *
 * @throws {AgentError} BOARD_FILE_INVALID, HARNESS_MISSING, HARNESS_SLOTS, OPTION_INVALID, OUTPUT_FAILED, and the codes of
 * `plainImage`
 */
export async function test(image: string, options: TestCommandOptions, io: CliIo): Promise<void> {
  const board = loadHarnessBoard(options.board);
  const [artifact = "", ...more] = options.artifact;
  const chosen = {
    agent: wordOption("--agent", options.agent, AGENTS),
    cuts: numberOption("--cuts", options.cuts, 0, 10_000),
    seed: numberOption("--seed", options.seed, 0, 999_999_999),
    startMs: numberOption("--start-timeout", options.startTimeout, 1, 86_400) * 1000,
    access: accessFrom(options),
    scenarios: options.scenarios?.split(",").map((name) => wordOption("--scenarios", name, SCENARIO_NAMES)),
  };
  await expectHostHas(board.hardware);
  const folder = options.keep ?? (await mkdtemp(join(tmpdir(), "switchback-qemu-")));
  await mkdir(folder, { recursive: true });
  try {
    const plain = await plainImage(image, join(folder, "image"), io.signal, () => undefined);
    const print = options.json !== true;
    const report = await testImage({
      ...chosen,
      ...{ image: plain, shown: image, board, artifacts: [artifact, ...more], folder },
      ...{ progress: progressOn(io, print), signal: io.signal },
      ...(options.server === true && { server: true }),
      ...(options.bootAnyway === true && { bootAnyway: true }),
      ...(options.kvm === true && { kvm: true }),
      tell: (line) => io.err(line),
    });
    if (options.junit !== undefined) await replaceFile(options.junit, junitXml(report));
    io.out(print ? summaryLine(report) : jsonLine(report));
    if (!report.ok) io.exitCode = 1;
  } finally {
    if (options.keep === undefined) await rm(folder, { recursive: true, force: true });
  }
}

/** Readers find either no file or a whole one. @throws {AgentError} OUTPUT_FAILED */
async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.new`;
  try {
    await writeFile(temporary, text);
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new AgentError("OUTPUT_FAILED", { path }, cause);
  }
}
