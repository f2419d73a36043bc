/** A piece of shell or Python in a file of BitBake. */
export interface Fragment {
  readonly language: "sh" | "python";
  /** Name of the function, or the expression. */
  readonly name: string;
  /** Line of the file, from 1. */
  readonly line: number;
  /** Code as its interpreter gets it, except that BitBake's variables are words. */
  readonly code: string;
}

const FUNCTION = /^(?:fakeroot\s+)?(python\s+)?([\w@${}:.-]*)\s*\(\s*\)\s*\{\s*$/;
const DEFINITION = /^def\s+(\w+)/;
const EXPRESSION = /\$\{@(.*?[^{])\}(?!\})/g;
const VARIABLE = /\$\{([A-Za-z_][\w:.-]*)\}/g;
/** Shell variables are in lower case in this layer; everything else is BitBake's. */
const isShell = (name: string): boolean => name === name.toLowerCase() && !BITBAKE.has(name);
/** OE-Core's variables in lower case: folders. */
const BITBAKE: ReadonlySet<string> = new Set(
  ["bindir", "sbindir", "libdir", "datadir", "sysconfdir", "localstatedir", "libexecdir", "nonarch_libdir"].concat([
    "base_bindir",
    "prefix",
    "systemd_system_unitdir",
  ]),
);

/** All shell functions, Python functions and inline Python expressions of a recipe, append or class. */
export function fragmentsOf(text: string): readonly Fragment[] {
  const lines = text.split("\n");
  return [...functionsIn(lines), ...expressionsIn(lines)];
}

function* functionsIn(lines: readonly string[]): Generator<Fragment> {
  for (const [at, line] of lines.entries()) {
    const [whole, python, name = ""] = FUNCTION.exec(line) ?? [];
    if (whole !== undefined) {
      const end = lines.indexOf("}", at);
      if (end === -1) throw new Error(`line ${at + 1}: ${name} does not end with } in the first column`);
      const body = lines.slice(at + 1, end);
      const language = python === undefined ? "sh" : "python";
      yield { language, name, line: at + 1, code: language === "sh" ? shell(body) : inFunction(body) };
    }
    const [, defined] = DEFINITION.exec(line) ?? [];
    if (defined !== undefined) {
      const after = lines.findIndex((later, i) => i > at && later !== "" && !/^\s/.test(later));
      const code = lines.slice(at, after === -1 ? undefined : after).join("\n");
      yield { language: "python", name: defined, line: at + 1, code };
    }
  }
}

const inFunction = (body: readonly string[]): string => `def task(d):\n${body.join("\n")}\n    pass\n`;

const shell = (body: readonly string[]): string => {
  const text = body.join("\n").replace(EXPRESSION, "word");
  return `#!/bin/sh\n${text.replace(VARIABLE, (found, name: string) => (isShell(name) ? found : `/bb/${name}`))}\n`;
};

function* expressionsIn(lines: readonly string[]): Generator<Fragment> {
  for (const [at, line] of lines.entries())
    for (const [, expression = ""] of line.matchAll(EXPRESSION))
      yield { language: "python", name: expression, line: at + 1, code: `(${expression})` };
}
