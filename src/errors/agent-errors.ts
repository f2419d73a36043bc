import type { ErrorEntry } from "./error-entry.ts";

/** Failures of the agent itself: states, configuration, command line. */
export const AGENT_ERRORS = {
  UPDATE_IN_PROGRESS: {
    doc: "Update already in progress. Please commit or roll back first; 'resume' completes an interrupted update.",
  },
  WRONG_OPERATION: {
    doc: "The state of the pending update does not allow this command. Use 'resume' to complete the update.",
  },
  SNAPSHOT_INVALID: {
    doc: "This version does not understand the saved state of the pending update. 'resume', 'daemon' and 'poll' abandon the update and undo what they can.",
  },
  PAYLOAD_UNSUPPORTED: {
    doc: "This device cannot install a payload of this type. It needs an update module, an executable file at that path.",
  },
  PAYLOAD_COUNT: {
    doc: "The Artifact has no payload, more than one of type rootfs-image, or more than one in strict compatibility.",
  },
  SCRIPT_FOLDER: { doc: "Cannot read or write a folder of state scripts." },
  SCRIPT_VERSION: {
    doc: "The file 'version' in a folder of state scripts does not hold a version that this agent supports.",
  },
  SCRIPT_START: {
    doc: "Cannot start a state script. Its interpreter is missing, or its folder is mounted noexec.",
  },
  SCRIPT_FAILED: { doc: "A state script failed." },
  SCRIPT_TIMEOUT: { doc: "A state script ran longer than StateScriptTimeoutSeconds allows." },
  SCRIPT_RETRY_TIMEOUT: {
    retry: true,
    doc: "A state script asked to run again for longer than StateScriptRetryTimeoutSeconds allows.",
  },
  DEVICE_TYPE_MISMATCH: { doc: "The Artifact is not compatible with this device type." },
  PROVIDES_LIMIT: {
    doc: "The update would make the device record more provides than it can store. List keys that are no longer needed in the Artifact's clears_artifact_provides.",
  },
  DEPENDS_MISMATCH: { doc: "The device does not provide what the Artifact depends on." },
  DEVICE_TYPE_FILE: {
    doc: "The device type file must be readable and hold one line 'device_type=<value>'.",
  },
  BOOTSTRAP_INVALID: { doc: "The bootstrap Artifact provides nothing, or holds more than a bootstrap Artifact may." },
  CONFIG_INVALID: { doc: "The configuration is not valid." },
  KEY_ENGINE_UNSUPPORTED: {
    doc: "The agent does not support keys behind PKCS#11 or an OpenSSL engine.",
  },
  SOURCE_OPEN: { retry: true, doc: "Cannot open the Artifact." },
  SOURCE_STATUS: { retry: true, doc: "The server answered the download with an unexpected status." },
  DOWNLOAD_BROKEN: {
    retry: true,
    doc: "The download broke off more often than RetryDownloadCount allows.",
  },
  DOWNLOAD_CHANGED: {
    retry: true,
    doc: "The source changed after the download began.",
  },
  DOWNLOAD_RANGE: {
    doc: "The server answered with a range that the agent did not request.",
  },
  WORKER_LOST: {
    retry: true,
    doc: "A child process of the daemon ended before its work was done. The daemon resumes the work in a new process.",
  },
  LOG_FILE: { doc: "Cannot open the log file for writing." },
  CLI_USAGE: { doc: "The command line is not valid." },
  TOOLS_MISSING: {
    doc: "This command is for build hosts, and its code is not installed here. Install the package switchback-tools.",
  },
  CANCELLED: {
    retry: true,
    doc: "The command was interrupted. 'resume' completes or undoes an update that it had started.",
  },
} as const satisfies Record<string, ErrorEntry>;
