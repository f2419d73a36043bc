import { ENTRIES, MAX_TRANSITIONS, type Row, TABLE } from "../../src/core/deployment/table.ts";
import { GENERATED, table } from "./markdown.ts";
import type { Page } from "./page.ts";

const OUTCOMES = ["ok", "no", "hold", "fail", "abort", "crash"] as const;
const STATES: readonly (readonly [string, Row])[] = Object.entries(TABLE);

/** `docs/reference/states.md`: the update as a diagram and as a table. */
export function statesPage(): Page {
  const text = [
    "# States of an update",
    GENERATED("`src/core/deployment/table.ts`"),
    "The agent saves each state durably before it runs the state's effect. The column *crash* says where the agent " +
      "continues if it starts and finds that state on disk. A target that begins with `@` marks a rest: the agent stops " +
      "before that state, and a later command continues from there. After " +
      `${MAX_TRANSITIONS} persisted transitions, the agent gives up the update.`,
    `\`\`\`mermaid\n${diagram()}\n\`\`\``,
    "## Rows",
    table(["State", ...OUTCOMES], STATES.map(row)),
    "Some states have further rules:",
    table(
      ["State", "Rule"],
      STATES.map(rulesRow).filter(([, rules]) => rules !== ""),
    ),
    "## What the agent reports to a server",
    "Only managed updates have a server. The agent reports a state once, before it runs anything of that state, and " +
      "ignores a failure to report it. If the server answers that it has aborted the deployment, the agent continues " +
      "at the target in the column *abort*. In the states that are marked as managed, the agent retries the " +
      "report with back-off. A standalone update skips these states.",
    table(["State", "Status"], STATES.filter(([, { report, managed }]) => report ?? managed).map(reportRow)),
    "## State scripts",
    "Enter scripts run before the effect, Leave scripts after it, and Error scripts when one of the three has failed. " +
      "If *a failing set* leaves damage, the update continues, and the recorded name of the Artifact ends with " +
      "`_INCONSISTENT`. In these states, Error scripts run only after a failing set.",
    table(["State", "Scripts", "Which of them", "A failing set"], STATES.filter(hasScripts).map(scriptRow)),
    "## Where a command enters",
    table(
      ["Command", "State on disk", "Goes to"],
      Object.entries(ENTRIES).flatMap(([command, targets]) =>
        Object.entries(targets).map(([from, to]) => [
          `\`${command}\``,
          code(from),
          to === "resume" ? "*crash* column" : code(to),
        ]),
      ),
    ),
    "Next: [the adapter protocol](adapter-protocol.md).",
  ];
  return { path: "docs/reference/states.md", rows: STATES.length, text: `${text.join("\n\n")}\n` };
}

const code = (name: string | undefined): string => (name === undefined ? "" : `\`${name}\``);

function row([state, cells]: readonly [string, Row]): string[] {
  return [code(state), ...OUTCOMES.map((outcome) => code(cells[outcome]))];
}

function rulesRow([state, cells]: readonly [string, Row]): string[] {
  const rules = [
    cells.managed === true ? "Only managed updates have this state." : "",
    cells.resumes === undefined
      ? ""
      : `After an interruption, the update continues at \`${cells.resumes}\` if the download can be resumed.`,
    cells.crashFails === true
      ? `${cells.resumes === undefined ? "An" : "Any other"} interruption fails the update.`
      : "",
    cells.restores === true ? "Success restores the old software." : "",
    cells.breaks === true ? "A failure leaves damage (`_INCONSISTENT`)." : "",
  ].filter((rule) => rule !== "");
  return [code(state), rules.join(" ")];
}

function reportRow([state, { report }]: readonly [string, Row]): string[] {
  const insists: Readonly<Record<string, string>> = {
    reachServer: "`installing`, until the server has it or the attempts are used up",
    reportResult: "`success` or `failure`, until the server has it or the attempts are used up",
    sendLog: "the log of a failure, until the server has it or the attempts are used up",
  };
  return [code(state), report === undefined ? (insists[state] ?? "") : code(report)];
}

const hasScripts = ([, { enter, leave }]: readonly [string, Row]): boolean => (enter ?? leave) !== undefined;

function scriptRow([state, { enter, leave, error, lenient }]: readonly [string, Row]): string[] {
  const kinds = [enter && "Enter", leave && "Leave", error && "Error"].filter((kind) => kind !== undefined);
  return [code(state), code(enter ?? leave), kinds.join(", "), lenient === true ? "leaves damage" : "fails the state"];
}

/** One arrow per pair of states, labelled with all outcomes that take it. */
function diagram(): string {
  const arrows = STATES.flatMap(([state, cells]) => {
    const targets = new Map<string, string[]>();
    for (const outcome of OUTCOMES) {
      const target = cells[outcome];
      if (target !== undefined) targets.set(target, [...(targets.get(target) ?? []), outcome]);
    }
    return [...targets].map(([target, outcomes]) => `  ${state} --> ${node(target)} : ${outcomes.join(", ")}`);
  });
  const rests = [...new Set(STATES.flatMap(([, cells]) => OUTCOMES.map((outcome) => cells[outcome] ?? "")))]
    .filter((target) => target.startsWith("@"))
    .map((target) => `  state "rest before ${target.slice(1)}" as ${node(target)}`);
  return ["stateDiagram-v2", ...rests, "  [*] --> download", ...arrows].join("\n");
}

const node = (target: string): string => {
  if (target === "idle") return "[*]";
  return target.startsWith("@") ? `rest_${target.slice(1)}` : target;
};
