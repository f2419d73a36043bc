import type { ErrorEntry } from "./error-entry.ts";

/** What can be wrong with an Artifact, or with what is asked of the artifact tool. */
export const ARTIFACT_ERRORS = {
  ARTIFACT_TRUNCATED: { retry: true, doc: "The Artifact ends before its last member is complete." },
  ARTIFACT_CHECKSUM: { doc: "A checksum differs from the one in the manifest." },
  ARTIFACT_READ: { retry: true, doc: "The Artifact cannot be read." },
  ARTIFACT_TAR_HEADER: { doc: "A tar header is damaged, or this is no Artifact." },
  ARTIFACT_MEMBER_NAME: { doc: "A member or file has a name that is not allowed." },
  ARTIFACT_MEMBER_TYPE: { doc: "A member is a link, a device or another special file." },
  ARTIFACT_MEMBER_DUPLICATE: { doc: "A member or file is there twice." },
  ARTIFACT_MEMBER_MISSING: { doc: "A member or file that must be there is missing." },
  ARTIFACT_MEMBER_UNEXPECTED: { doc: "A member or file is not expected at this place." },
  ARTIFACT_TRAILING_DATA: { doc: "Something other than zeros follows the end of the archive." },
  ARTIFACT_LIMIT: { doc: "A part of the Artifact is larger than the limit allows." },
  ARTIFACT_VERSION: { doc: "This version of the Artifact format is not supported." },
  ARTIFACT_AUGMENTED: { doc: "Augmented Artifacts are not supported." },
  ARTIFACT_MANIFEST: { doc: "The manifest is not well-formed." },
  ARTIFACT_HEADER: { doc: "The header does not say what it must, in the form it must." },
  ARTIFACT_COMPRESSED_DATA: { doc: "Compressed data in the Artifact is damaged." },
  ARTIFACT_NOT_SIGNED: {
    doc: "The Artifact is not signed, and only signed ones are accepted.",
  },
  ARTIFACT_SIGNATURE: { doc: "None of the verification keys fits the Artifact's signature." },
  DECOMPRESSOR_MISSING: {
    doc: "The program that decompresses this Artifact is not installed.",
  },
  KEY_UNREADABLE: { doc: "The key file cannot be read." },
  KEY_INVALID: { doc: "The key file does not hold what is wanted." },
  KEY_NOT_PUBLIC: { doc: "A signature is verified with a public key in PEM form." },
  KEY_NOT_PRIVATE: { doc: "An Artifact is signed with a private key in PEM form." },
  KEY_ENCRYPTED: {
    doc: "The private key is protected by a passphrase, which is not supported.",
  },
  KEY_UNSUPPORTED: {
    doc: "Only RSA, ECDSA P-256 and Ed25519 keys sign Artifacts.",
  },
  KEY_WEAK: {
    doc: "The key protects nothing: anybody can forge signatures that it accepts. Make a new one, such as RSA with 3072 bits or ECDSA P-256.",
  },
  COMPRESSOR_MISSING: { doc: "The program that compresses this Artifact is not installed." },
  COMPRESSOR_FAILED: { doc: "The program that compresses this Artifact has failed." },
  ARTIFACT_FIELD: { doc: "A value cannot be written into an Artifact." },
  IMAGE_TOO_SMALL: { doc: "The image is too small to be a root filesystem. Check how it was built." },
  PAYLOAD_UNREADABLE: { doc: "A payload file cannot be read." },
  PAYLOAD_DUPLICATE: { doc: "Two payload files have the same name." },
  PAYLOAD_CHANGED: { retry: true, doc: "A payload file changed while it was being read." },
  SCRIPT_UNREADABLE: { doc: "A state script cannot be read." },
  SCRIPT_NAME: {
    doc: "A state script of an Artifact is named STATE_ACTION_NN or STATE_ACTION_NN_DESCRIPTION, with an Artifact state.",
  },
  SCRIPT_DUPLICATE: { doc: "Two state scripts have the same name." },
  OUTPUT_FAILED: { doc: "The output file cannot be written." },
  ARTIFACT_ALREADY_SIGNED: {
    doc: "The Artifact is signed already; --force replaces the signature.",
  },
  SIGNATURE_UNCHECKED: {
    doc: "The Artifact is signed, and no key was given to check the signature with.",
  },
  META_DATA_INVALID: { doc: "The meta-data file does not hold a JSON object." },
  OPTION_MISSING: { doc: "An option that must be given is missing." },
  OPTION_INVALID: { doc: "The value of an option is not valid." },
  COMMAND_UNSUPPORTED: { doc: "This command of mender-artifact is not supported here." },
  OPTION_UNSUPPORTED: { doc: "This option of mender-artifact is not supported here." },
} as const satisfies Record<string, ErrorEntry>;
