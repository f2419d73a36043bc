import { relative } from "node:path";
import type { Reporter } from "knip";

/** Prints one JSON object for `scripts/gates/knip.ts`. Knip's own reporters do not say how many files it read. */
const reporter: Reporter = ({ issues, counters, configurationHints, cwd }) => {
  const found = Object.entries(issues).flatMap(([kind, byFile]) =>
    Object.values(byFile).flatMap((bySymbol) =>
      Object.values(bySymbol).map(
        (issue) => `${kind}: ${[...new Set([relative(cwd, issue.filePath), issue.symbol])].join(" ")}`,
      ),
    ),
  );
  process.stdout.write(`${JSON.stringify({ processed: counters.processed, found, hints: configurationHints })}\n`);
};

// biome-ignore lint/style/noDefaultExport: knip loads a reporter by its default export.
export default reporter;
