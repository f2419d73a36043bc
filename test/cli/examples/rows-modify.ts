import { expect } from "vitest";
import type { Device } from "./device.ts";
import type { Lab } from "./lab.ts";
import type { Row } from "./row.ts";
import { desk, keys, noFile, release } from "./rows-artifact.ts";

const SCRIPT = "ArtifactCommit_Enter_10_check";

function releaseAndKey(device: Device, lab: Lab): void {
  release(device, lab);
  keys(device, "private.pem", "public.pem");
}

/** Examples of the commands that change Artifacts, and take them apart. */
export const MODIFY_ROWS: readonly Row[] = [
  {
    example: "switchback artifact modify -n release-3 -k private.pem release-2.mender",
    fits: {
      at: "desk",
      given: releaseAndKey,
      changes: [desk("release-2.mender")],
      promised: async (device) => {
        const { out } = await device.run("switchback artifact read -k public.pem release-2.mender");
        expect(out).toContain("Name: release-3");
        expect(out).toContain("signed and verified correctly");
      },
    },
    otherwise: {
      "no such Artifact": { ...noFile(1, "release-2.mender"), given: (device) => keys(device, "private.pem", "p.pem") },
      "no such key": { at: "desk", given: release, exit: 1, says: ["private.pem"] },
    },
  },
  {
    example: `switchback artifact modify -s ${SCRIPT} -o release-2-checked.mender release-2.mender`,
    fits: {
      at: "desk",
      given: (device, lab) => {
        release(device, lab);
        device.put(SCRIPT, "#!/bin/sh\n", 0o755);
      },
      changes: [desk("release-2-checked.mender")],
    },
    otherwise: { "no such script": { at: "desk", given: release, exit: 1, says: ["SCRIPT_UNREADABLE", SCRIPT] } },
  },
];
