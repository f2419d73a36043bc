import { expect } from "vitest";
import type { Device, Ended } from "../../cli/examples/device.ts";
import type { Lab, Place } from "../../cli/examples/lab.ts";
import { NOT_RUN } from "../not-run.ts";
import { PAGE_ROWS } from "../page-rows.ts";
import { fitsPage, type Step, stepsOf } from "./guide.ts";

/** A computer on which a reader types. */
export interface Machine {
  run(line: string, input?: string): Promise<Ended>;
}

/** What the world does around one block of a guide. */
export interface Around<M extends Machine = Device> {
  /** What has happened since the block before, for example that the reader has built an image. */
  readonly given?: (machine: M, lab: Lab) => unknown;
  /** Shell code around the block, for example to answer a question. */
  readonly around?: (block: string) => string;
  /** Parts of what it prints. */
  readonly says?: readonly string[];
  readonly promised?: (machine: M, lab: Lab) => unknown;
}

/** What happens to a machine between the blocks of a guide. */
export interface Road<M extends Machine> {
  /** Shell code that every block begins with: what has to be done again in each mount namespace. */
  readonly enter?: string;
  /** Blocks around which something happens, by their first line; `LINE #2` is the second one with that line. */
  readonly blocks?: Readonly<Record<string, Around<M>>>;
}

/** The machine of a guide's reader, and what happens to it. */
export interface Walk extends Road<Device> {
  readonly at: Place;
  readonly given?: (device: Device, lab: Lab) => unknown;
  /** Another guide that the reader has followed as far as the block with that line, which is the next to run there. */
  readonly after?: readonly [page: string, nextLine: string];
}

/** The reader has one shell: folder and variables last from block to block. Every command of a block must succeed. */
const SHELL = "/root/.walk";
const inOneShell = (enter: string, block: string): string => `${enter}
exec 2>&1
set -a
[ ! -e ${SHELL} ] || . ${SHELL}
trap '{ export -p | grep -v "^export PWD="; printf "cd \\"%s\\"\\n" "$PWD"; } >${SHELL}' EXIT
set -e
${block}`;

/** Blocks that another test runs by itself, because they need more than the machine of a guide. */
const ELSEWHERE = new Set(PAGE_ROWS.filter(({ fits }) => typeof fits === "string").map(({ example }) => example));

const runsHere = (step: Step): boolean =>
  step.kind === "run" && !Object.hasOwn(NOT_RUN, step.key) && !ELSEWHERE.has(step.key);

/** Writes a file as the reader does: below the folders that the machine has mounted. A script becomes executable. */
async function write({ path, text }: Step & { kind: "file" }, device: Machine, enter: string): Promise<void> {
  const mode = text.startsWith("#!") ? `; chmod 755 '${path}'` : "";
  const { exit, out } = await device.run(
    inOneShell(enter, `mkdir -p "$(dirname '${path}')"; cat >'${path}'${mode}`),
    text,
  );
  expect(exit, out).toBe(0);
}

async function take<M extends Machine>(
  step: Step,
  name: string,
  machine: M,
  { enter = "", blocks = {} }: Road<M>,
  lab: Lab,
): Promise<void> {
  if (step.kind === "file") return write(step, machine, enter);
  if (!runsHere(step)) return;
  await takeBlock(step.text, blocks[name] ?? {}, machine, lab, { ...step, enter });
}

/** Runs a block of shell as the reader does, and compares the result with what the page shows. */
export async function takeBlock<M extends Machine>(
  text: string,
  { given, around = (block: string) => block, says = [], promised }: Around<M>,
  machine: M,
  lab: Lab,
  page: { readonly enter?: string; readonly exit?: number; readonly shown?: string } = {},
): Promise<void> {
  await given?.(machine, lab);
  const ended = await machine.run(inOneShell(page.enter ?? "", around(text)));
  expect(ended.exit, `${text}\n${ended.out}${ended.err}`).toBe(page.exit ?? 0);
  for (const part of says) expect(ended.out).toContain(part);
  if (page.shown !== undefined && !fitsPage(page.shown, ended.out)) expect(ended.out, text).toBe(page.shown);
  await promised?.(machine, lab);
}

/** The names of steps, so that blocks with the same first line differ. */
function namesOf(steps: readonly Step[]): readonly string[] {
  const seen = new Map<string, number>();
  return steps.map((step) => {
    const key = step.kind === "run" ? step.key : step.path;
    const count = (seen.get(key) ?? 0) + 1;
    seen.set(key, count);
    return count === 1 ? key : `${key} #${count}`;
  });
}

async function takeFirst([page, nextLine]: NonNullable<Walk["after"]>, device: Device, walk: Walk, lab: Lab) {
  const steps = await stepsOf(page);
  const end = steps.findIndex((step) => step.kind === "run" && step.text.split("\n").includes(nextLine));
  if (end < 0) throw new Error(`${page} has no line ${nextLine}`);
  for (const step of steps.slice(0, end)) await take(step, "", device, walk, lab);
}

/** Does what a guide says, from top to bottom, on one machine. @returns the number of blocks that ran */
export async function follow<M extends Machine>(page: string, road: Road<M>, machine: M, lab: Lab): Promise<number> {
  const steps = await stepsOf(page);
  const names = namesOf(steps);
  expect(Object.keys(road.blocks ?? {}).filter((key) => !names.includes(key))).toEqual([]);
  for (const [at, step] of steps.entries()) await take(step, names[at] ?? "", machine, road, lab);
  return steps.filter(runsHere).length;
}

/** Follows a guide on a new machine. @returns the number of blocks that ran */
export async function walkThrough(page: string, walk: Walk, lab: Lab): Promise<number> {
  const device = lab.at(walk.at);
  try {
    await walk.given?.(device, lab);
    if (walk.after !== undefined) await takeFirst(walk.after, device, walk, lab);
    return await follow(page, walk, device, lab);
  } finally {
    device.remove();
  }
}
