import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Product } from "./world.ts";

const FOLDER = fileURLToPath(new URL("../../../../server/domain/rollout/", import.meta.url));

/** Mistakes: file, what is written there, and what is written instead. */
export const MISTAKES: readonly (readonly [file: string, was: string, is: string])[] = [
  ["advance", "Math.max(before.at, news.now)", "news.now - 1"],
  ["advance", "if (memory.ended === undefined && news.ended !== undefined)", "if (false as boolean)"],
  ["advance", "[...news.acts.filter(isAbort), ...news.acts.filter((act) => !isAbort(act))]", "news.acts.slice(0, 1)"],
  ["advance", 'if (act.act === "retry_failed") counts = withoutFailures(counts);', ""],
  ["advance", "if (memory.ended === undefined) memory = decide", "memory = decide"],
  ["advance", "memory = forgetEnded(memory, counts);", ""],
  ["advance", "begun: sampled(plan, memory, counts, memory.at)", "begun: memory.begun"],
  ["advance", "memory.at >= Date.parse(plan.expires_at)", "memory.at > Date.parse(plan.expires_at)"],
  ["advance", "if (memory.halted === undefined) memory = halt(plan, memory, counts, decisions);", ""],
  ["advance", "if (memory.halted === undefined && memory.expiredAt === undefined) memory", "if (memory.expiredAt === undefined) memory"],
  ["advance", "if (memory.halted === undefined && memory.expiredAt === undefined) memory", "if (memory.halted === undefined) memory"],
  ["advance", 'plan.halt?.action === "abort" ? end', "(true as boolean) ? end"],
  ["advance", 'plan.halt?.action === "abort" ? end', "(false as boolean) ? end"],
  ["advance", "if (!isMet) return undefined;", ""],
  ["advance", "newest.isSoakSkipped !== true && memory.at <", "memory.at <"],
  ["advance", "memory.at < newest.soakAt + soakOf(plan, index)", "memory.at <= newest.soakAt + soakOf(plan, index)"],
  ["advance", "memory.at < newest.soakAt + soakOf(plan, index)", "false"],
  ["advance", "soakOf(plan, index)) return undefined", "soakOf(plan, index + 1)) return undefined"],
  ["advance", "memory.paused !== undefined ||", ""],
  ["advance", "!isApproved(plan, memory) || memory.at < startOf", "memory.at < startOf"],
  ["advance", "|| memory.at < startOf(plan, index + 1)", ""],
  ["advance", "memory.at < startOf(plan, index + 1)", "memory.at < startOf(plan, index)"],
  ["advance", "if (isLast) return undefined;", "if (newest !== undefined && isLast && newest.size > 1) return undefined;"],
  ["advance", "openWave(plan, memory, counts, index + 1)", "openWave(plan, memory, counts, index)"],
  ["advance", "if (underWayIn(counts) > 0) return undefined;", ""],
  ["advance", 'if (memory.expiredAt !== undefined) return "EXPIRED";', ""],
  ["advance", "takenIn(counts) >= (plan.max_devices", "takenIn(counts) > (plan.max_devices"],
  ["halt", "isForgiven ? forgiven.failed : 0", "0"],
  ["halt", "isForgiven ? forgiven.reports : 0", "0"],
  ["halt", "forgiven.wave === newest", "true"],
  ["halt", "counts.overdue - forgiven.overdue", "counts.overdue"],
  ["halt", "halt?.window_s === undefined ? {", "(true as boolean) ? {"],
  ["halt", "bad > halt.failure_count", "bad >= halt.failure_count"],
  ["halt", "all < halt.min_reports", "all <= halt.min_reports"],
  ["halt", "bad * 100 <= halt.failure_pct * all", "bad * 100 < halt.failure_pct * all"],
  ["halt", "read.failed + read.overdue", "read.failed"],
  ["halt", "read.reports + read.overdue", "read.reports"],
  ["halt", "memory.waves.length === 0", "memory.waves.length === 1"],
  ["gates", "- counts.outside", ""],
  ["gates", "- from)", ")"],
  ["gates", "- unfit", ""],
  ["gates", "- left)", ")"],
  ["gates", "updated + had", "updated"],
  ["gates", "good >= needed", "good > needed"],
  ["gates", "Math.ceil((of * gate", "Math.floor((of * gate"],
  ["gates", "?? 0) * 1000", "?? 0) * 999"],
  ["acts", "approvedBy.length >= approvals", "approvedBy.length + 1 >= approvals"],
  ["acts", 'if (by === memory.author) return "IS_AUTHOR";', ""],
  ["acts", 'if (memory.approvedBy.includes(by)) return "APPROVED_BEFORE";', ""],
  ["acts", 'if (!isApproved(plan, memory)) return "NEEDS_APPROVAL";', ""],
  ["acts", 'if (memory.paused !== undefined || memory.halted !== undefined) return "STOPPED";', ""],
  ["acts", 'if (wave >= plan.waves.length) return "NO_WAVE_LEFT";', ""],
  ["acts", 'memory.ended === undefined ? DOINGS[act](plan, memory, counts, by) : "ENDED"', "DOINGS[act](plan, memory, counts, by)"],
  ["acts", "forgiven: forgive(memory, counts, memory.at)", "forgiven: memory.forgiven"],
  ["acts", "failed: 0, reports: 0 };", "failed: 3, reports: 3 };"],
  ["acts", "const from = takenIn(counts);", "const from = memory.waves.length;"],
  ["acts", "reachOf(plan, wave, counts) - from", "reachOf(plan, wave, counts)"],
  ["acts", "passAll(memory), counts, wave", "memory, counts, wave"],
  ["allowance", "isStopped(memory) ? taken", "false ? taken"],
  ["allowance", "windowAt(plan.window, memory.at).isOpen", "true"],
  ["allowance", "newest === undefined ? 0", "newest === undefined ? 1"],
  ["allowance", "newest.from + newest.size", "newest.from + newest.size + 1"],
  ["allowance", "newest.from + newest.size", "newest.size"],
  ["allowance", "taken - underWayIn(counts) + (plan", "taken + (plan"],
  ["allowance", "plan.max_devices ?? Number", "Number"],
  ["allowance", "Math.max(taken, least)", "least"],
  ["allowance", "before(MINUTE_MS) + perMinute", "Number.POSITIVE_INFINITY"],
  ["allowance", "before(SPELL_MS) + Math.max(1, Math.ceil(perMinute / 6))", "Number.POSITIVE_INFINITY"],
  ["allowance", "then <= at - ms", "then <= at"],
  ["allowance", "now - last < SAMPLE_MS", "now - last < 1000 * SAMPLE_MS"],
  ["allowance", "Math.max(0, first)", "Math.max(0, first + 1)"],
  ["allowance", "[then + SPELL_MS, then + MINUTE_MS]", "[then + MINUTE_MS]"],
  ["allowance", "[then + SPELL_MS, then + MINUTE_MS]", "[then + SPELL_MS]"],
  ["memory", "[paused, halted, expiredAt, ended].some", "[halted, expiredAt, ended].some"],
  ["memory", "[paused, halted, expiredAt, ended].some", "[paused, expiredAt, ended].some"],
  ["memory", "[paused, halted, expiredAt, ended].some", "[paused, halted, ended].some"],
  ["memory", "[paused, halted, expiredAt, ended].some", "[paused, halted, expiredAt].some"],
  ["sizes", "index >= waves.length - 1", "index > waves.length - 1"],
  ["sizes", "Math.ceil((devices", "Math.floor((devices"],
  ["sizes", "slice(0, index + 1)", "slice(0, index)"],
  ["sizes", "groups[group] ?? 0", "1"],
  ["sizes", "isOnlyGroups ? 0 :", ""],
  ["sizes", "1.5 * reach", "0.5 * reach"],
  ["waits", 'waits.push({ code: "RESUME"', 'false && waits.push({ code: "RESUME"'],
  ["waits", "if (memory.waves.length > 0)", "if (memory.waves.length > 5)"],
  ["waits", 'waits.push({ code: "HALTED"', 'false && waits.push({ code: "HALTED"'],
  ["waits", 'waits.push({ code: "APPROVAL"', 'false && waits.push({ code: "APPROVAL"'],
  ["waits", "{ wave: next, at: start }, until: start", "{ wave: next, at: start }"],
  ["waits", "facts: { wave: index, until }, until", "facts: { wave: index, until }"],
  ["waits", "facts: { at: until }, until", "facts: { at: until }"],
  ["waits", "times.push(windowAt(plan.window, memory.at).changesAt)", "times.push()"],
  ["waits", "times.push(...rateChangesAt(memory))", "times.push()"],
  ["waits", "at > memory.at", "at >= memory.at - 1000"],
  ["waits", "Math.min(...future)", "Math.max(...future)"],
  ["counts", "updated + failed + had + unfit + left", "updated + failed + had + unfit"],
  ["counts", "underWay: wave.underWay + wave.failed", "underWay: wave.underWay"],
];

export const nameOf = ([file, was, is]: (typeof MISTAKES)[number]): string =>
  `${file}: ${was} -> ${is === "" ? "nothing" : is}`;

/** The reducer, with one mistake. */
export async function withMistake([file, was, is]: (typeof MISTAKES)[number]): Promise<Product> {
  const { outputFiles } = await build({
    stdin: {
      contents: ["advance", "memory", "sizes"].map((name) => `export * from "./${name}.ts";`).join("\n"),
      resolveDir: FOLDER,
    },
    ...{ bundle: true, write: false, format: "esm", platform: "node", logLevel: "silent" },
    plugins: [
      {
        name: "mistake",
        setup: (own) =>
          own.onLoad({ filter: /domain\/rollout\/[a-z]+\.ts$/ }, async ({ path }) => {
            const contents = await readFile(path, "utf8");
            if (basename(path, ".ts") !== file) return { contents, loader: "ts" };
            // Where a line ends is the formatter's business.
            const pattern = new RegExp(was.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/\s+/g, "\\s+"));
            if (!pattern.test(contents)) throw new Error(`${file}.ts does not say: ${was}`);
            return { contents: contents.replace(pattern, () => is), loader: "ts" };
          }),
      },
    ],
  });
  const text = outputFiles?.[0]?.text ?? "";
  return import(`data:text/javascript;base64,${Buffer.from(text).toString("base64")}`) as Promise<Product>;
}
