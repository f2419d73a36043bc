import { composeDoctor } from "../../agent/doctor/doctor.ts";
import type { CliIo } from "../../agent/io.ts";
import type { GlobalOptions } from "../../agent/options.ts";
import { type Examined, examine } from "../../core/doctor/examine.ts";
import type { Finding } from "../../ports/finding.ts";
import { jsonLine } from "../one-line.ts";

export interface DoctorOptions {
  readonly json?: true;
}

/** Levels in the output, for people and programs. */
const LEVELS: Readonly<Record<Finding["level"], string>> = { good: "ok", note: "warning", bad: "wrong" };

/** What `doctor` does. @throws {AgentError} CONFIG_INVALID */
export async function doctor(options: GlobalOptions, { json }: DoctorOptions, io: CliIo): Promise<void> {
  const all: Examined[] = [];
  const { examinations, isConsequence, placed } = await composeDoctor(options, io);
  for await (const examined of examine(examinations, io.signal, isConsequence)) {
    const finding = { ...examined, ...placed(examined) };
    all.push(finding);
    if (json !== true) for (const line of lines(finding)) io.out(line);
  }
  const count = (level: Finding["level"]): number => all.filter((finding) => finding.level === level).length;
  const ok = count("bad") === 0;
  if (json === true) {
    io.out(jsonLine({ ok, findings: all.map((finding) => ({ ...finding, level: LEVELS[finding.level] })) }));
  } else {
    io.out(`${count("good")} ok, ${count("note")} warning, ${count("bad")} wrong: ${ok ? CAN : CANNOT}`);
  }
  if (!ok) io.exitCode = 1;
}

const CAN = "an update can be installed and rolled back.";
const CANNOT = "no update can be installed and rolled back until you correct this.";

function lines({ level, subject, found, advice }: Examined): readonly string[] {
  const first = `${LEVELS[level].padEnd(7)}  ${subject}: ${found}`;
  return advice === undefined ? [first] : [first, `         -> ${advice}`];
}
