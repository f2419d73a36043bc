import type { Row } from "./row.ts";

const INSPECT =
  "test/cli/image/inspect-command.tools.test.ts · the examples of the help explain images, and jq shows what to do";

export const IMAGE_ROWS: readonly Row[] = [
  { example: "switchback image inspect disk.img", fits: INSPECT, otherwise: {} },
  { example: "switchback image inspect disk.img.xz", fits: INSPECT, otherwise: {} },
  {
    example: `switchback image inspect --json disk.img | jq -r '.findings[] | select(.level == "wrong") | .advice'`,
    fits: INSPECT,
    otherwise: {},
  },
];
