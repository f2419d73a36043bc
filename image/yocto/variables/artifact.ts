import { build, used } from "./variable.ts";

/** Artifacts, their signatures and state scripts. */
export const ARTIFACT = [
  used("MENDER_ARTIFACT_NAME", "text", "name of the Artifact, which the device reports; required"),
  used("MENDER_DEVICE_TYPE", "text", "type of the device", { standard: "(MACHINE)" }),
  used("MENDER_DEVICE_TYPES_COMPATIBLE", "list", "device types that accept the Artifact", {
    standard: "(MENDER_DEVICE_TYPE)",
  }),
  used(
    "MENDER_ARTIFACT_EXTRA_ARGS",
    "text",
    "further options of `switchback artifact write`, which are those of mender-artifact",
  ),
  used(
    "SWITCHBACK_ARTIFACT_COMPRESSION",
    "text",
    "none, gzip, lzma, zstd, zstd_fastest, zstd_fast, zstd_better or zstd_best",
    {
      standard: "gzip",
    },
  ),
  used("MENDER_ARTIFACT_PROVIDES", "list", "KEY:VALUE pairs that the device provides after the update"),
  used("MENDER_ARTIFACT_PROVIDES_GROUP", "text", "group that the device is in after the update"),
  used("MENDER_ARTIFACT_DEPENDS", "list", "KEY:VALUE pairs that the device must provide"),
  used("MENDER_ARTIFACT_DEPENDS_GROUPS", "list", "groups that the device must be in"),
  used("MENDER_ARTIFACT_NAME_DEPENDS", "list", "Artifacts that the device must run"),
  used("MENDER_ARTIFACT_SIGNING_KEY", "path", "private key in PEM form, or the pkcs11: URI of a key in a token"),
  used(
    "SWITCHBACK_SIGNING_KEY_PASSPHRASE_FILE",
    "path",
    "file with the passphrase of the private key, or with the PIN of its token",
  ),
  used("SWITCHBACK_SIGNER", "text", "command that signs instead: the digest is on stdin, the signature goes to stdout"),
  used("MENDER_ARTIFACT_VERIFY_KEY", "path", "public key for the device, which then refuses other Artifacts"),
  build("MENDER_STATE_SCRIPTS_DIR", "path", "folder in which a recipe puts its state scripts"),
  build("SWITCHBACK_STATE_SCRIPTS", "list", "recipes whose state scripts the image gets"),
  build("SWITCHBACK_MODULE_TYPE", "text", "payload type of an Artifact for an update module"),
  build("SWITCHBACK_MODULE_FILES", "list", "payload files of such an Artifact"),
  build("SWITCHBACK_SOURCE_URI", "text", "address of the release archive with the agent"),
  build("SWITCHBACK_SOURCE_SHA256", "text", "checksum of the release archive"),
  build("MENDER_STATE_SCRIPTS", "path", "folders with state scripts of a recipe, instead"),
  used("MENDER_STATE_SCRIPTS_VERSION", "number", "version of the state scripts in the root filesystem", {
    standard: "3",
  }),
  used("MENDER_SERVER_URL", "text", "address of the server; without one, the device updates only by hand"),
  used("MENDER_TENANT_TOKEN", "text", "token of your account on the server"),
  used("MENDER_CERT_LOCATION", "text", "certificate on the device that the agent trusts in addition"),
  used("MENDER_UPDATE_POLL_INTERVAL_SECONDS", "seconds", "time between two polls for a deployment", {
    standard: "1800",
  }),
  used("MENDER_INVENTORY_POLL_INTERVAL_SECONDS", "seconds", "time between two inventories", { standard: "28800" }),
  used("MENDER_RETRY_POLL_INTERVAL_SECONDS", "seconds", "longest pause after a failure", { standard: "300" }),
  used(
    "MENDER_PERSISTENT_CONFIGURATION_VARS",
    "list",
    "keys of mender.conf that go to the data partition instead of /etc/mender",
  ),
  used("SWITCHBACK_CONFIGURATION_FRAGMENTS", "list", "JSON files that are merged into mender.conf, in this order"),
] as const;
