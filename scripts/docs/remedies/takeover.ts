import type { Remedies } from "./section.ts";

export const TAKEOVER = {
  TAKEOVER_FORMAT:
    "`reason` says what is different. Let the Mender client show what the device runs (`mender show-provides`), and " +
    "give it to Switchback as a [bootstrap Artifact](../install.md).",
  TAKEOVER_DAMAGED:
    "`page`, `key` and `reason` show the damage. Restore the file from a backup if you have one. Otherwise move it away: " +
    "Switchback then records the name from `artifact_info`, and a new Artifact brings the rest.",
  TAKEOVER_PENDING:
    "`artifact` names the update. Run `mender commit` or `mender rollback` (`mender-update` in version 4 and later), or " +
    "let the client's service finish a deployment. If the client is already removed, install it again for this. Then " +
    "repeat `switchback takeover`.",
  TAKEOVER_RUNNING:
    "`pid` and `program` name the process. Run `systemctl disable --now mender-client` (`mender-updated` and " +
    "`mender-authd` in version 4 and later).",
  TAKEOVER_CONFLICT:
    "`switchback` and `client` show both names. If the Mender client installed the running software, run " +
    "`switchback takeover --overwrite`. If Switchback installed it, leave things as they are.",
} satisfies Remedies;
