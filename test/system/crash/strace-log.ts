/** A system call of the program, in the order of strace's log. */
export interface Call {
  readonly name: string;
  /** The text between the parentheses, as strace prints it. */
  readonly args: string;
  /** The calling thread. */
  readonly thread: string;
  /** Line of the log at which the call began. */
  readonly began: number;
  /** Line at which it ended; absent if it never did. */
  readonly ended?: number;
  readonly failed: boolean;
}

const WHOLE = /^(\d+) +(\w+)\((.*)\) += (\S+)/;
const BEGUN = /^(\d+) +(\w+)\((.*?) ?<unfinished \.\.\.>$/;
const RESUMED = /^(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (\S+)/;

/** Parses the output of `strace -f -y -o FILE`. Leaves out lines about signals and ends of processes. */
export function parseStrace(text: string): readonly Call[] {
  const calls: Call[] = [];
  const open = new Map<string, number>();
  for (const [line, content] of text.split("\n").entries()) {
    // First, because the text of a call that was cut off may look like the end of one.
    const begun = BEGUN.exec(content);
    if (begun !== null) {
      const [, thread = "", name = "", args = ""] = begun;
      open.set(thread, calls.push({ name, args, thread, began: line, failed: false }) - 1);
      continue;
    }
    const whole = WHOLE.exec(content);
    if (whole !== null) {
      const [, thread = "", name = "", args = "", result = ""] = whole;
      calls.push({ name, args, thread, began: line, ...endOf(result, line) });
      continue;
    }
    const resumed = RESUMED.exec(content);
    if (resumed === null) continue;
    const [, thread = "", , rest = "", result = ""] = resumed;
    const index = open.get(thread) ?? -1;
    const call = calls[index];
    if (call === undefined) throw new Error(`line ${line + 1} of the log resumes what never began: ${content}`);
    calls[index] = { ...call, args: call.args + rest, ...endOf(result, line) };
  }
  return calls;
}

/** `?` is the result of a call in which the program was killed. */
function endOf(result: string, line: number): Pick<Call, "ended" | "failed"> {
  return result === "?" ? { failed: false } : { ended: line, failed: result.startsWith("-") };
}

/** The path of the descriptor that is a call's first argument. */
export const pathOfDescriptor = ({ args }: Call): string | undefined => /^\d+<([^>]*)>/.exec(args)?.[1];

/** The text that strace quoted. @throws if strace has truncated it */
export function unquote({ args }: Call): string {
  const found = /"((?:[^"\\]|\\.)*)"(\.\.\.)?/s.exec(args);
  if (found?.[1] === undefined || found[2] !== undefined) throw new Error(`no whole text in ${args.slice(0, 200)}`);
  return found[1].replace(/\\(?:([0-7]{1,3})|(.))/g, (_, octal?: string, letter?: string) =>
    octal === undefined ? (ESCAPES[letter ?? ""] ?? letter ?? "") : String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", f: "\f", v: "\v" };
