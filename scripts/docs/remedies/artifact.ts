import type { Remedies } from "./section.ts";

const BUILD_AGAIN = "Build the Artifact again with `switchback artifact write` or `mender-artifact`.";
const COPY_AGAIN =
  "Copy or download the file again. If `switchback artifact validate` still fails, build the Artifact again.";

export const CONTENT = {
  ARTIFACT_TRUNCATED: `The file or the download is incomplete. ${COPY_AGAIN}`,
  ARTIFACT_CHECKSUM: `\`file\` names the damaged part. ${COPY_AGAIN}`,
  ARTIFACT_READ:
    "Check that the path exists, is a regular file or a pipe, and is readable for the user. `artifact sign` cannot " +
    "read from a named pipe. If the cause is `EIO`, check the storage.",
  ARTIFACT_TAR_HEADER: `Check with \`tar -tf FILE\` that the file is an Artifact and not, for example, an error page. ${COPY_AGAIN}`,
  ARTIFACT_MEMBER_NAME:
    "`reason` says what is wrong with the name. Rename the file and build the Artifact again. If you did not build " +
    "the Artifact, do not install it: such names can lead out of a folder.",
  ARTIFACT_MEMBER_TYPE: `Use a tool that writes plain files into the Artifact. ${BUILD_AGAIN}`,
  ARTIFACT_MEMBER_DUPLICATE: `\`in\` and \`name\` show the member. ${BUILD_AGAIN}`,
  ARTIFACT_MEMBER_MISSING: `\`in\` and \`name\` show the member. ${BUILD_AGAIN}`,
  ARTIFACT_MEMBER_UNEXPECTED: `\`in\` and \`name\` show the member, \`expected\` what belongs there. ${BUILD_AGAIN}`,
  ARTIFACT_TRAILING_DATA: `Another program appended data to the file. ${COPY_AGAIN}`,
  ARTIFACT_LIMIT:
    "`part` names the part, and the other details name the limit. Put fewer or smaller files, scripts, meta-data, " +
    "provides or depends into the Artifact. The limits protect the memory of the device and cannot be changed.",
  ARTIFACT_VERSION: "Write the Artifact in version 3 of the format, which is the default of every current tool.",
  ARTIFACT_AUGMENTED: "Build the Artifact without `--augment-…` options.",
  ARTIFACT_MANIFEST: `\`reason\` says what is wrong. ${BUILD_AGAIN}`,
  ARTIFACT_HEADER:
    "`member` names the document, and `reason` says what is wrong. Correct it and build the Artifact again. With " +
    "`artifact write`, `member` is your meta-data file, which must hold a JSON object.",
  ARTIFACT_COMPRESSED_DATA: COPY_AGAIN,
  DECOMPRESSOR_MISSING:
    "Install the package that `package` names on the device, or write the Artifact with `--compression gzip` or " +
    "`none`, which need no program.",
  IMAGE_TOO_SMALL: "Check the path that you passed as `--file`, and that the build of the image finished.",
  PAYLOAD_FILES: "Build the Artifact with one image: `switchback artifact write rootfs-image --file IMAGE`.",
} satisfies Remedies;

export const SIGNATURES = {
  ARTIFACT_NOT_SIGNED:
    "Sign the Artifact with `switchback artifact sign`. Remove `ArtifactVerifyKeys` from the configuration only if " +
    "the device may install unsigned Artifacts.",
  ARTIFACT_SIGNATURE:
    "Compare the signing key with `ArtifactVerifyKeys` in `mender.conf` (or with `--key`). To change keys, name the " +
    "old and the new key until every device has both. If the keys did not change, do not trust the Artifact.",
  ARTIFACT_ALREADY_SIGNED: "Keep the signature, or replace it with `--force`.",
  SIGNATURE_UNCHECKED: "Pass the public key: `switchback artifact validate --key KEY FILE`.",
  KEY_UNREADABLE: "Check that the path exists and that the user may read the file.",
  KEY_INVALID:
    "`wanted` names the kind of key that the file must hold. Check with `openssl pkey -in FILE -noout`, or with " +
    "`openssl pkey -pubin -in FILE -noout` for a public key.",
  KEY_NOT_PUBLIC: "Pass the public key. Extract it with `openssl pkey -in PRIVATE.pem -pubout -out PUBLIC.pem`.",
  KEY_NOT_PRIVATE: "Pass the private key that belongs to the public key on the devices.",
  KEY_ENCRYPTED:
    "Write the passphrase into a file that only you can read, and name it with `--key-passphrase-file`. In a Yocto build, " +
    "set `SWITCHBACK_SIGNING_KEY_PASSPHRASE_FILE`.",
  KEY_PASSPHRASE:
    "The first line of the file must be the passphrase. Check it with `openssl pkey -in KEY.pem -noout -passin file:FILE`.",
  KEY_UNSUPPORTED:
    "Create a key of a supported type, for example with " +
    "`openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out KEY.pem`.",
  KEY_WEAK:
    "Create a new key as in [Keys](../keys.md), sign the Artifacts again, and replace the public key on the devices.",
  TOKEN_KEY:
    "`reason` is what `openssl` says. Check the label in the URI with `pkcs11-tool --list-objects`, the PIN, and that " +
    "the engine is installed (Debian: `libengine-pkcs11-openssl`). See " +
    "[keys in a token](../keys.md#keys-in-a-token).",
  SIGNER_FAILED:
    "`exit` is the command's exit status, and `stderr` is what it wrote. Run the command by itself to see why it fails.",
  SIGNER_TIMEOUT: "Run the command by itself. If it needs more time, raise `--signer-timeout`.",
  SIGNER_OUTPUT:
    "`reason` says what is wrong with the output. The command must print nothing but the signature, as in " +
    "[a command that signs](../keys.md#a-command-that-signs).",
  SIGNER_KEY:
    "`key` is the public key that the signature must fit. Let the command use the private key that belongs to it, or " +
    "pass the other public key with `--key`.",
} satisfies Remedies;

export const WRITING = {
  ARTIFACT_FIELD:
    "`field` and `value` show the value, and `reason` says why it is not allowed. Names must be printable and at most " +
    "256 bytes long.",
  SNAPSHOT_FAILED:
    "`exit` is the exit status of `ssh`: 255 if there was no connection or it broke, 127 if the device has no program for " +
    "snapshots, and otherwise that of this program. Try `ssh USER@HOST` by itself.",
  SNAPSHOT_TRUNCATED:
    "`expected` is the size of the filesystem in the image, and `bytes` what has arrived. Look at the device's log, and " +
    "repeat the command.",
  COMPRESSOR_MISSING: "Install the package that `package` names, or choose another `--compression`.",
  COMPRESSOR_FAILED:
    "`stderr` shows the message of the program. Check memory and free space, and run the command again.",
  PAYLOAD_UNREADABLE: "Check that each `--file` exists, is a regular file, and is readable for the user.",
  PAYLOAD_DUPLICATE: "Rename one of the files: an Artifact stores them without their folders.",
  PAYLOAD_CHANGED: "Wait until the build has finished writing the file, and run the command again.",
  SCRIPT_UNREADABLE: "Check that the script exists, is a regular file, and is readable for the user.",
  SCRIPT_NAME:
    "Rename the script, for example to `ArtifactInstall_Enter_10_stop-service`. Scripts of the states Idle, Sync and " +
    "Download belong into the root filesystem and not into an Artifact.",
  SCRIPT_DUPLICATE: "Give one of the scripts another number or description.",
  OUTPUT_FAILED: "Check that the folder exists, that the user may write to it, and that it has free space.",
  META_DATA_INVALID: "Check the file with a JSON tool such as `jq . FILE`.",
  OPTION_MISSING: "`option` names the option. The `--help` of the command describes it.",
  OPTION_INVALID: "`option` names the option. `reason` or `known` says which values are allowed.",
  OPTION_UNSUPPORTED:
    "Leave the option out, use what `instead` names, or use `mender-artifact`. [Compatibility](../compatibility.md) lists the differences.",
} satisfies Remedies;
