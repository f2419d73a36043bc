import type { Remedies } from "./section.ts";

export const UPDATE = {
  UPDATE_IN_PROGRESS:
    "Run `switchback commit` or `switchback rollback`, or `switchback resume` if the update was interrupted. If " +
    "`mode` is `managed`, the update belongs to the server: let `switchback daemon` or `switchback poll` finish it.",
  WRONG_OPERATION: "Run `switchback resume`. It completes or undoes the update from the state that `state` names.",
  SNAPSHOT_INVALID:
    "Usually another version of the agent saved the state. Install that version again to continue the update, or run " +
    "`switchback resume` to abandon it. Then check with `switchback doctor` which slot boots next.",
  PAYLOAD_UNSUPPORTED:
    "`type` names the payload type. Install its update module at the path that `module` shows and make it executable " +
    "(`chmod +x`), or set an adapter in `Switchback.Payloads`. If `type` is `null`, the Artifact has no payload that " +
    "can be installed.",
  PAYLOAD_COUNT:
    "Build the Artifact with one payload. If several payloads are intended, remove `Switchback.StrictCompat` and " +
    "`--strict-compat`. An Artifact can never contain two images.",
  DEVICE_TYPE_MISMATCH:
    "Choose an Artifact for this device. If the device type is wrong, correct the device type file; if the Artifact " +
    "is wrong, build it with the right `--device-type`.",
  DEVICE_TYPE_FILE:
    "Write the file: `echo device_type=TYPE > /var/lib/mender/device_type`. `DeviceTypeFile` names another file.",
  DEPENDS_MISMATCH:
    "Compare `key`, `device` and `artifact` with the output of `switchback show-provides`. First install the version " +
    "that the Artifact depends on, or build the Artifact with other depends.",
  PROVIDES_LIMIT:
    "`keys` and `bytes` show how much the device would store. Build the Artifact with `--clears-provides` patterns " +
    "that match the old keys.",
  BOOTSTRAP_INVALID:
    "`reason` says what is wrong. A bootstrap Artifact must have an empty payload, no state scripts, and only the " +
    "device type as a condition. The agent records the version from `artifact_info` instead, or `unknown`.",
  TOOLS_MISSING:
    "Install the Debian package `switchback-tools`, or use a build host that has it. A device needs none of these commands.",
  CANCELLED: "Run `switchback resume`, or let the daemon resume a deployment from the server.",
  WORKER_LOST:
    "`ended` says how the process ended. After SIGKILL, check with `dmesg` whether memory ran out. If it ends the same " +
    "way twice in a row, the daemon abandons the deployment.",
  REBOOT_FAILED:
    "Check `status` and `stderr`, and run `reboot` by hand. If `waitedMs` is set, the command succeeded but the device " +
    "kept running: look for a service that blocks the shutdown.",
  DEPLOYMENT_LOG:
    "Check the folder that `UpdateLogPath` names (by default the datastore): it must be writable and have free space.",
} satisfies Remedies;

export const SCRIPTS = {
  SCRIPT_FOLDER: "Check that the path is a folder, and that root may read it (and write it, in the datastore).",
  SCRIPT_VERSION: "Write `2` or `3` into the file `version` of the folder.",
  SCRIPT_START:
    "Check the first line of the script and that its interpreter is installed. Mount the folder without `noexec`. " +
    "`switchback state-scripts check` names the scripts that cannot run.",
  SCRIPT_FAILED: "Read the log: it holds the output of the script. Run the script by hand to find the reason.",
  SCRIPT_TIMEOUT: "Find out what the script waits for, or increase `StateScriptTimeoutSeconds`.",
  SCRIPT_RETRY_TIMEOUT:
    "The script ended with exit status 21 each time. Find out what it waits for, or increase " +
    "`StateScriptRetryTimeoutSeconds`.",
} satisfies Remedies;

export const MODULES = {
  MODULE_MISSING:
    "Restore the module at the path that `module` shows and make it executable. Then run `switchback resume`.",
  MODULE_FAILED: "`call` names the step that failed. Read the log: it holds the output of the module.",
  MODULE_ANSWER:
    "`call` names the question, `answer` the answer, and `known` the valid answers. Correct the module: it must print " +
    "its messages to stderr.",
  MODULE_UNFINISHED: "Correct the module: it must read every stream to its end, or exit with a failure.",
  MODULE_STREAM:
    "Correct the module: it must only read `stream-next` and the files in `streams/`, and not replace them.",
  MODULE_TREE_MISSING:
    "Another program removed the file tree from the datastore during the update. Find that program, and install the " +
    "Artifact again when the failed update has ended.",
  MODULE_TREE_IO: "Check that the datastore is writable and has free space, and that `mkfifo` is installed.",
} satisfies Remedies;

export const COMMANDS = {
  CONFIG_INVALID:
    "`file`, `line` and `column`, or `key` and `reason`, show the place. Correct it in `mender.conf`, in the option or " +
    "in the environment variable that the message names. `switchback doctor` checks the whole configuration.",
  KEY_ENGINE_UNSUPPORTED:
    "Set the path of a PEM file in `HttpsClient` or `Security`, whichever `key` names, and remove `SSLEngine`.",
  CLI_USAGE: "The details name the option and the allowed values. Add `--help` to see all options of the command.",
  LOG_FILE:
    "Check the path after `--log-file`: its folder must exist and be writable, and it must not be a folder or a pipe.",
} satisfies Remedies;
