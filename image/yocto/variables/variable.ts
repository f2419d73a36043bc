/** How the value of a variable is read. */
export type ValueKind = "text" | "list" | "megabytes" | "bytes" | "sectors" | "seconds" | "number" | "switch" | "path";

/** A variable of a Yocto build. */
export interface Variable {
  readonly name: string;
  /** One sentence for the manual. Of a variable that has no effect, the reason. */
  readonly meaning: string;
  readonly kind: ValueKind;
  /** The value if it is not set, or a description of it in parentheses. */
  readonly standard?: string;
  /** The variable counts only with this feature or boot loader. */
  readonly feature?: string;
  /**
   * `used`: read by the commands of `switchback yocto`; `build`: read by the classes of the layer; `ignored`: known to
   * meta-mender, and without effect here; `refused`: the build must stop, because it would not do what the value says.
   */
  readonly use: "used" | "build" | "ignored" | "refused";
  /** Of an ignored or refused variable: values that ask for nothing. */
  readonly harmless?: RegExp;
  /** Whether it has flags, such as `MENDER_EXTRA_PARTS[name]`. */
  readonly flags?: true;
}

type More = Partial<Omit<Variable, "name" | "meaning">>;

const row =
  (use: Variable["use"]) =>
  (name: string, kind: ValueKind, meaning: string, more: More = {}): Variable => ({
    name,
    kind,
    meaning,
    use,
    ...more,
  });

export const used = row("used");
export const build = row("build");
export const ignored = row("ignored");
export const refused = row("refused");
