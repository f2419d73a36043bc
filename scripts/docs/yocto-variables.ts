import { FEATURES, REFUSED_FEATURES } from "../../image/yocto/variables/features.ts";
import { RENAMED } from "../../image/yocto/variables/foreign.ts";
import { VARIABLES } from "../../image/yocto/variables/table.ts";
import type { ValueKind, Variable } from "../../image/yocto/variables/variable.ts";
import { GENERATED, table } from "./markdown.ts";
import type { Page } from "./page.ts";

const UNITS: Readonly<Record<ValueKind, string>> = {
  text: "text",
  list: "list",
  megabytes: "MB",
  bytes: "bytes",
  sectors: "sectors",
  seconds: "seconds",
  number: "number",
  switch: "0 or 1",
  path: "path",
};

const of = (...uses: readonly Variable["use"][]): readonly Variable[] =>
  VARIABLES.filter(({ use }) => uses.includes(use)).toSorted((a, b) => (a.name < b.name ? -1 : 1));

/** `docs/reference/yocto-variables.md`: every variable that the Yocto layer knows. */
export function yoctoVariablesPage(): Page {
  const rows = of("used", "build").map(({ name, kind, standard = "", feature, meaning }) => [
    `\`${name}\``,
    UNITS[kind],
    standard.startsWith("(") ? standard.slice(1, -1) : standard === "" ? "" : `\`${standard}\``,
    `${sentence(meaning)}${feature === undefined ? "" : ` Only with ${feature}.`}`,
  ]);
  const foreign = of("ignored", "refused").map(({ name, use, meaning }) => [
    `\`${name}\``,
    use === "refused" ? "The build stops" : "A warning",
    sentence(meaning),
  ]);
  const text = [
    "# Variables of the Yocto layer",
    GENERATED("`image/yocto/variables/`"),
    "The layer reads the variables of meta-mender where they mean the same, so you can keep the configuration of your\n" +
      "boards. Variables that begin with `SWITCHBACK_` are its own. MB are units of 1024 × 1024 bytes. `switchback yocto\n" +
      "check` looks at the variables of a build: it warns of an unknown name with the nearest known one, and stops for\n" +
      "what would not work.",
    "## Variables",
    table(["Variable", "Unit", "Default", "Meaning"], rows),
    "`NAME_DEFAULT` is the default of `NAME`: machine configurations set it, and your `local.conf` sets `NAME`.",
    "## Features",
    "`MENDER_FEATURES_ENABLE` and `MENDER_FEATURES_DISABLE` take these names:",
    table(
      ["Feature", "What it does"],
      Object.entries(FEATURES).map(([name, meaning]) => [`\`${name}\``, sentence(meaning)]),
    ),
    "The build stops for these features, because the layer does not have them:",
    table(
      ["Feature", "Reason"],
      Object.entries(REFUSED_FEATURES).map(([name, why]) => [`\`${name}\``, sentence(why)]),
    ),
    "## Variables of meta-mender without effect",
    table(["Variable", "If you set it", "Reason"], foreign),
    "## Renamed variables",
    "The build stops for these names:",
    table(
      ["Old name", "Use instead"],
      Object.entries(RENAMED).map(([name, now]) => [`\`${name}\``, /^[A-Z_]+$/.test(now) ? `\`${now}\`` : now]),
    ),
    "Next: [Error codes](errors.md#yocto-builds)",
  ];
  const path = "docs/reference/yocto-variables.md";
  return { path, rows: rows.length + foreign.length, text: `${text.join("\n\n")}\n` };
}

/** `yocto-layer/conf/switchback-variables.json`: the same names, for the classes of the layer. */
export function yoctoVariablesJson(): Page {
  const variables = Object.fromEntries(
    of("used", "build", "ignored", "refused").map(({ name, use, kind, standard, flags }) => [
      name,
      {
        use,
        unit: UNITS[kind],
        ...(standard !== undefined && !standard.startsWith("(") && { default: standard }),
        ...(flags === true && { flags }),
      },
    ]),
  );
  const features = { known: Object.keys(FEATURES), refused: REFUSED_FEATURES };
  const text = `${JSON.stringify({ variables, renamed: RENAMED, features }, undefined, 2)}\n`;
  return { path: "yocto-layer/conf/switchback-variables.json", rows: Object.keys(variables).length, text };
}

const sentence = (text: string): string => {
  const first = /^[a-z]+[A-Z_]/.test(text) ? text : `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
  return `${first}.`;
};
