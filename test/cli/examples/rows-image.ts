import type { Row } from "./row.ts";

const INSPECT =
  "test/cli/image/inspect-command.tools.test.ts · the examples of the help explain images, and jq shows what to do";

const CONVERTED = "test/image/convert/convert-image.tools.test.ts";
const PI = `${CONVERTED} · an image of a Raspberry Pi gets two slots with kernels of their own, and keeps everything in its root filesystem`;
const UBOOT = `${CONVERTED} · a compressed image of one filesystem becomes a disk with U-Boot's environment`;

export const IMAGE_ROWS: readonly Row[] = [
  { example: "switchback image inspect disk.img", fits: INSPECT, otherwise: {} },
  { example: "switchback image inspect disk.img.xz", fits: INSPECT, otherwise: {} },
  {
    example: `switchback image inspect --json disk.img | jq -r '.findings[] | select(.level == "wrong") | .advice'`,
    fits: INSPECT,
    otherwise: {},
  },
  { example: "switchback image convert debian.img --board pc.yaml --output disk.img", fits: UBOOT, otherwise: {} },
  {
    example:
      "switchback image convert debian.img --board pc.yaml -o disk.img.xz --artifact release-1.mender -n release-1",
    fits: PI,
    otherwise: {},
  },
];
