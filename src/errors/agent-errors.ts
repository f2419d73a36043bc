import type { ErrorEntry } from "./error-entry.ts";

/** What the agent itself refuses or fails at: states, configuration, command line. */
export const AGENT_ERRORS = {
  UPDATE_IN_PROGRESS: {
    doc: "Update already in progress. Please commit or roll back first; 'resume' goes on with one that was cut off.",
  },
  WRONG_OPERATION: {
    doc: "The pending update is not in a state that allows this command. Use 'resume' to complete it.",
  },
  SNAPSHOT_INVALID: {
    doc: "The state of the pending update is not one that this version understands. 'resume', 'daemon' and 'poll' give the update up and undo what they can.",
  },
  PAYLOAD_UNSUPPORTED: {
    doc: "This device cannot install a payload of that type: its update module has to be an executable file at that path.",
  },
  PAYLOAD_COUNT: {
    doc: "Only one artifact payload is supported: in strict compatibility, and of type rootfs-image always.",
  },
  SCRIPT_FOLDER: { doc: "A folder of state scripts cannot be read or written." },
  SCRIPT_VERSION: {
    doc: "The file 'version' in a folder of state scripts does not hold a version that this agent understands.",
  },
  SCRIPT_START: {
    doc: "A state script cannot be started: its interpreter is missing, or its folder is mounted with noexec.",
  },
  SCRIPT_FAILED: { doc: "A state script failed." },
  SCRIPT_TIMEOUT: { doc: "A state script did not end in time (StateScriptTimeoutSeconds)." },
  SCRIPT_RETRY_TIMEOUT: {
    retry: true,
    doc: "A state script kept asking to be tried again later (StateScriptRetryTimeoutSeconds).",
  },
  DEVICE_TYPE_MISMATCH: { doc: "The Artifact is not made for this type of device." },
  PROVIDES_LIMIT: {
    doc: "The device would record more provides than it can keep. Name those that are no longer needed in the Artifact's clears_artifact_provides.",
  },
  DEPENDS_MISMATCH: { doc: "The device does not provide what the Artifact depends on." },
  DEVICE_TYPE_FILE: {
    doc: "The device type file must hold one line 'device_type=<value>'.",
  },
  BOOTSTRAP_INVALID: { doc: "The bootstrap Artifact is not one." },
  CONFIG_INVALID: { doc: "The configuration cannot be used." },
  KEY_ENGINE_UNSUPPORTED: {
    doc: "Keys behind PKCS#11 or an OpenSSL engine cannot be used.",
  },
  SOURCE_OPEN: { retry: true, doc: "The Artifact cannot be opened." },
  SOURCE_STATUS: { retry: true, doc: "The server answered with an unexpected status." },
  DOWNLOAD_BROKEN: {
    retry: true,
    doc: "The download broke off more often than RetryDownloadCount allows.",
  },
  DOWNLOAD_CHANGED: {
    retry: true,
    doc: "The source has changed since the download began.",
  },
  DOWNLOAD_RANGE: {
    doc: "The server answered with another range.",
  },
  WORKER_LOST: {
    retry: true,
    doc: "The process that works for the daemon has ended before it was done. What it has begun is gone on with.",
  },
  LOG_FILE: { doc: "The log file cannot be opened for writing." },
  CLI_USAGE: { doc: "The command line is not understood." },
  CANCELLED: {
    retry: true,
    doc: "The command was interrupted; 'resume' finishes or undoes an update that it had begun.",
  },
} as const satisfies Record<string, ErrorEntry>;
