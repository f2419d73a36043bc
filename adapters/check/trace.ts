import { basename, join, relative } from "node:path";
import type { Files, MediumAct } from "./medium.ts";
import { isStorage } from "./sandbox-files.ts";

/** System calls that change files or make changes durable, and those that determine the offset of the next write. */
const CHANGES = [
  ...["write", "pwrite64", "ftruncate", "truncate", "rename", "renameat", "renameat2", "link", "linkat"],
  ...["unlink", "unlinkat", "fsync", "fdatasync", "syncfs"],
];
const CALLS = ["open", "openat", "creat", "lseek", "sync", ...CHANGES].join(",");

/**
 * Calls whose written bytes strace does not show. For the first four the kernel answers ENOSYS, so programs use
 * write(2).
 */
const WITHOUT_BYTES = ["copy_file_range", "sendfile", "splice", "io_uring_setup", "writev", "pwritev", "pwritev2"];

/** The longest write that is recorded in full. */
const MAX_WRITE_BYTES = 4 * 1024 * 1024;

type Argv = readonly [string, ...string[]];

const STRACE: Argv = ["strace", "-f", "-qqq", "-e", "signal=none"];

/** An strace command that logs to `log` how a program and its children change files. Append the program's argv. */
export function traceArgv(log: string): Argv {
  const refused = `inject=${WITHOUT_BYTES.slice(0, 4).join(",")}:error=ENOSYS`;
  const calls = `trace=${CALLS},${WITHOUT_BYTES.join(",")}`;
  const strings = ["-xx", "-s", String(MAX_WRITE_BYTES)];
  return [...STRACE, "--seccomp-bpf", "-y", ...strings, "-e", calls, "-e", refused, "-o", log, "--"];
}

/** An strace command that makes every change and sync of `paths` fail. Append the program's argv. */
export function brokenStorageArgv(log: string, paths: readonly string[]): Argv {
  const failing = CHANGES.join(",");
  const only = paths.flatMap((path) => ["-P", path]);
  return [...STRACE, ...only, "-e", `inject=${failing}:error=EIO`, "-o", log, "--"];
}

const READS = ["read", "pread64", "readv", "preadv", "preadv2"];
/** Copies within the kernel; after ENOSYS, programs read and write instead. */
const COPIES = WITHOUT_BYTES.slice(0, 4);

/** An strace command that logs to `log` which files a program and its children read. Append the program's argv. */
export function readingTraceArgv(log: string): Argv {
  const calls = `trace=execve,${[...READS, ...COPIES].join(",")}`;
  const refused = `inject=${COPIES.join(",")}:error=ENOSYS`;
  const strings = ["-xx", "-s", "0"];
  return [...STRACE, "--seccomp-bpf", "-y", ...strings, "-e", calls, "-e", refused, "-o", log, "--"];
}

/** An strace command that makes every read of `paths` fail. Append the program's argv. */
export function brokenReadsArgv(paths: readonly string[]): Argv {
  const only = paths.flatMap((path) => ["-P", path]);
  const faults = ["-e", `inject=${READS.join(",")}:error=EIO`, "-e", `inject=${COPIES.join(",")}:error=ENOSYS`];
  return [...STRACE, ...only, ...faults, "-o", "/dev/null", "--"];
}

/**
 * Extracts from strace's output what a program has read.
 *
 * @param roots paths under which the program may know the sandbox's folder
 * @param known files in it
 * @returns the files that were read, and the names of the started programs in order, limited to names under which a
 * program read such a file
 */
export function readsIn(
  text: string,
  roots: readonly string[],
  known: ReadonlySet<string>,
): { readonly files: readonly string[]; readonly programs: readonly string[] } {
  const files = new Set<string>();
  const started: { readonly pid: string; readonly name: string }[] = [];
  const reading = new Set<string>();
  for (const line of text.split("\n")) {
    const [, pid = "", call = "", args = ""] = /^([0-9]+) +(\w+)\((.*)$/.exec(line) ?? [];
    if (call === "execve" && /= 0$/.test(args)) {
      const path = unhex(/"((?:\\x[0-9a-f]{2})*)"/.exec(args)?.[1] ?? "").toString();
      started.push({ pid, name: basename(path) });
    }
    const place = READS.includes(call) ? placesIn(args)[0] : undefined;
    const within = roots.find((root) => place?.startsWith(`${root}/`));
    const file = place === undefined || within === undefined ? undefined : place.slice(within.length + 1);
    if (file === undefined || !known.has(file)) continue;
    files.add(file);
    reading.add(started.findLast((program) => program.pid === pid)?.name ?? "");
  }
  // The first one is the program itself; the list of files covers its own reads.
  const programs = started.slice(1).map(({ name }) => name);
  return { files: [...files].sort(), programs: programs.filter((name) => reading.has(name)) };
}

/** Every file and folder that the operations touch. */
export function touchedBy(acts: readonly MediumAct[]): readonly string[] {
  const paths = acts.flatMap((act) => ("path" in act ? [act.path] : "from" in act ? [act.from, act.to] : []));
  return [...new Set(paths)];
}

/** One finished call. */
interface Call {
  readonly args: string;
  readonly strings: readonly Buffer[];
  /** The paths behind its file descriptors, in order. */
  readonly places: readonly string[];
  readonly result: string;
}

/**
 * Extracts from strace's output what the calls did to files below a root.
 *
 * @param roots paths that name the same root; the first match counts, and "" is `/`
 * @param files below the root before the program ran
 * @throws {Error} for a call that changes files in a way that cannot be followed
 */
export function readTrace(text: string, roots: readonly string[], files: Files): readonly MediumAct[] {
  const acts: MediumAct[] = [];
  const handlers = createHandlers(roots, files, (act) => void acts.push(act));
  const unfinished = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, pid = "", rest = ""] = /^([0-9]+) +(.*)$/.exec(line) ?? [];
    const begun = /^(.*) <unfinished \.\.\.>$/.exec(rest)?.[1];
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest)?.[1];
    if (begun !== undefined) unfinished.set(pid, begun);
    else handle(handlers, resumed === undefined ? rest : `${unfinished.get(pid) ?? ""}${resumed}`);
  }
  return acts;
}

type Handlers = Readonly<Record<string, (call: Call) => void>>;

/** A failed call changed nothing. */
function handle(handlers: Handlers, line: string): void {
  const [, name = "", args = "", result = ""] = /^(\w+)\((.*)\) += (-?[0-9]+(?:<[^>]*>)?)/.exec(line) ?? [];
  if (result.startsWith("-")) return;
  const strings = [...args.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, hex = ""]) => unhex(hex));
  handlers[name]?.({ args, strings, places: placesIn(args), result });
}

function createHandlers(roots: readonly string[], files: Files, act: (act: MediumAct) => void): Handlers {
  const sizes = new Map([...files].map(([path, { length }]) => [path, length]));
  /**
   * Offset of the next write to each file. A file must be open for writing only once at a time; otherwise the result
   * differs from the real files, which the caller detects.
   */
  const positions = new Map<string, number>();
  const flagsOf = new Map<string, string>();
  /** @returns `undefined` for a path elsewhere */
  const inside = (path: string | undefined): string | undefined => {
    const root = roots.find((each) => path === each || path?.startsWith(`${each}/`));
    if (path === undefined || root === undefined) return undefined;
    const name = relative(root === "" ? "/" : root, path);
    return isStorage(name) && !(root === "" && name.startsWith("dev/")) ? name : undefined;
  };
  const opened = ({ places }: Call): string | undefined => inside(places[0]);
  const operands = ({ strings, places }: Call): readonly (string | undefined)[] =>
    strings.map((text, i) => {
      const name = text.toString();
      const folder = name.startsWith("/") ? "/" : places[i];
      if (folder === undefined) throw new Error(`the trace does not show the full path of ${name}`);
      return inside(join(folder, name));
    });

  const truncate = (path: string | undefined, sizeBytes: number): void => {
    if (path === undefined) return;
    act({ kind: "truncate", path, sizeBytes });
    sizes.set(path, sizeBytes);
  };
  const open = (path: string | undefined, flags: string): void => {
    if (path === undefined || !/O_WRONLY|O_RDWR/.test(flags)) return;
    if (!sizes.has(path)) {
      act({ kind: "create", path });
      sizes.set(path, 0);
    } else if (flags.includes("O_TRUNC")) truncate(path, 0);
    positions.set(path, 0);
    flagsOf.set(path, flags);
  };
  const write = (call: Call, at?: number): void => {
    const path = opened(call);
    const bytes = call.strings[0]?.subarray(0, Number.parseInt(call.result, 10));
    if (path === undefined || bytes === undefined || bytes.length === 0) return;
    const size = sizes.get(path);
    const flags = flagsOf.get(path) ?? "";
    if (size === undefined) throw new Error(`the program writes ${path}, which no longer has a name`);
    const offset = at ?? (flags.includes("O_APPEND") ? size : (positions.get(path) ?? 0));
    act({ kind: "write", path, offset, bytes });
    if (at === undefined) positions.set(path, offset + bytes.length);
    sizes.set(path, Math.max(size, offset + bytes.length));
    if (/O_D?SYNC/.test(flags)) act({ kind: "sync", path });
  };
  const move = (call: Call, kind: "rename" | "link"): void => {
    const [from, to] = operands(call);
    if (from === undefined && to === undefined) return;
    if (from === undefined || to === undefined) throw new Error("the program moves a file into or out of the sandbox");
    act({ kind, from, to });
    sizes.set(to, sizes.get(from) ?? 0);
    if (kind === "rename") sizes.delete(from);
  };
  const remove = (call: Call): void => {
    const [path] = operands(call);
    if (path === undefined || call.args.includes("AT_REMOVEDIR")) return;
    act({ kind: "remove", path });
    sizes.delete(path);
  };
  const sync = (call: Call): void => {
    const path = opened(call);
    if (path !== undefined) act(sizes.has(path) ? { kind: "sync", path } : { kind: "syncFolder", path });
  };
  const syncAll = (): void => act({ kind: "syncAll" });
  const refuse = (call: Call): void => {
    if (opened(call) !== undefined) throw new Error(`the check cannot follow the call that writes ${opened(call)}`);
  };
  const rename = (call: Call): void => move(call, "rename");
  const link = (call: Call): void => move(call, "link");
  const openCall = (call: Call): void => open(inside(placesIn(call.result)[0]), call.args);

  return {
    open: openCall,
    openat: openCall,
    creat: (call) => open(inside(placesIn(call.result)[0]), "O_WRONLY|O_TRUNC"),
    lseek(call) {
      const path = opened(call);
      if (path !== undefined) positions.set(path, Number.parseInt(call.result, 10));
    },
    write: (call) => write(call),
    pwrite64: (call) => write(call, lastNumber(call.args)),
    ftruncate: (call) => truncate(opened(call), lastNumber(call.args)),
    truncate: (call) => truncate(operands(call)[0], lastNumber(call.args)),
    rename,
    renameat: rename,
    renameat2: rename,
    link,
    linkat: link,
    unlink: remove,
    unlinkat: remove,
    fsync: sync,
    fdatasync: sync,
    sync: syncAll,
    syncfs: syncAll,
    writev: refuse,
    pwritev: refuse,
    pwritev2: refuse,
  };
}

const unhex = (text: string): Buffer => Buffer.from(text.replaceAll("\\x", ""), "hex");
const placesIn = (text: string): readonly string[] =>
  [...text.matchAll(/<((?:\\x[0-9a-f]{2})*)>/g)].map(([, hex = ""]) => unhex(hex).toString());
const lastNumber = (args: string): number => Number(/[0-9]+$/.exec(args)?.[0]);
