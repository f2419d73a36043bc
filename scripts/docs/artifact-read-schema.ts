import * as z from "zod/mini";
import { ArtifactDescription } from "../../src/cli/artifact/read-schema.ts";
import type { Page } from "./page.ts";

const LINE_WIDTH = 120;

/** `docs/reference/artifact-read.schema.json`: the schema of the output of `artifact read --json`. */
export function artifactReadSchema(): Page {
  const { $schema, ...schema } = z.toJSONSchema(ArtifactDescription);
  const text = JSON.stringify({ $schema, title: "Output of: switchback artifact read --json", ...schema }, null, 2);
  return {
    path: "docs/reference/artifact-read.schema.json",
    rows: Object.keys(schema.properties ?? {}).length,
    text: `${joinShortLists(text)}\n`,
  };
}

/** Puts a list of texts on one line if it fits, as the project's formatter does. */
function joinShortLists(json: string): string {
  return json.replace(
    /^( *"\w+": )\[\n\s+("[^\]]*")\n\s+\](,?)$/gm,
    (lines, start: string, items: string, end: string) => {
      const line = `${start}[${items.replace(/\n\s+/g, " ")}]${end}`;
      return line.length > LINE_WIDTH ? lines : line;
    },
  );
}
