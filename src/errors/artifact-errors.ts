import type { ErrorEntry } from "./error-entry.ts";

/** Failures of an Artifact, and of a request to the artifact tool. */
export const ARTIFACT_ERRORS = {
  ARTIFACT_TRUNCATED: { retry: true, doc: "The Artifact ends before its last member is complete." },
  ARTIFACT_CHECKSUM: { doc: "A checksum does not match the manifest." },
  ARTIFACT_READ: { retry: true, doc: "Cannot read the Artifact." },
  ARTIFACT_TAR_HEADER: { doc: "A tar header is damaged, or the file is not an Artifact." },
  ARTIFACT_MEMBER_NAME: { doc: "The name of a member or file is not allowed." },
  ARTIFACT_MEMBER_TYPE: { doc: "A member is a link, a device or another special file." },
  ARTIFACT_MEMBER_DUPLICATE: { doc: "A member or file occurs twice." },
  ARTIFACT_MEMBER_MISSING: { doc: "A required member or file is missing." },
  ARTIFACT_MEMBER_UNEXPECTED: { doc: "The format does not allow this member or file in this place." },
  ARTIFACT_TRAILING_DATA: { doc: "Data other than zeros follows the end of the archive." },
  ARTIFACT_LIMIT: { doc: "A part of the Artifact exceeds the limit." },
  ARTIFACT_VERSION: { doc: "Switchback does not support this version of the Artifact format." },
  ARTIFACT_AUGMENTED: { doc: "Switchback does not support augmented Artifacts." },
  ARTIFACT_MANIFEST: { doc: "The manifest is not valid." },
  ARTIFACT_HEADER: { doc: "A document in the header is not valid." },
  ARTIFACT_COMPRESSED_DATA: { doc: "Compressed data in the Artifact is damaged." },
  ARTIFACT_NOT_SIGNED: {
    doc: "The Artifact is not signed, but a verification key is set.",
  },
  ARTIFACT_SIGNATURE: { doc: "The Artifact's signature matches none of the verification keys." },
  DECOMPRESSOR_MISSING: {
    doc: "The program that decompresses this Artifact is not installed.",
  },
  KEY_UNREADABLE: { doc: "Cannot read the key file." },
  KEY_INVALID: { doc: "The key file does not hold a valid key." },
  KEY_NOT_PUBLIC: { doc: "Verification needs a public key in PEM form, but the file holds something else." },
  KEY_NOT_PRIVATE: { doc: "Signing needs a private key in PEM form, but the file holds something else." },
  KEY_ENCRYPTED: {
    doc: "A passphrase protects the private key. Switchback does not support such keys for signing.",
  },
  KEY_UNSUPPORTED: {
    doc: "Switchback supports only RSA, ECDSA P-256 and Ed25519 keys for Artifacts.",
  },
  KEY_WEAK: {
    doc: "The key protects nothing: anyone can forge signatures that it accepts. Create a new key, such as RSA with 3072 bits or ECDSA P-256.",
  },
  COMPRESSOR_MISSING: { doc: "The program that compresses this Artifact is not installed." },
  COMPRESSOR_FAILED: { doc: "The program that compresses this Artifact failed." },
  ARTIFACT_FIELD: { doc: "An Artifact must not contain this value." },
  IMAGE_TOO_SMALL: { doc: "The image is too small to be a root filesystem. Check how it was built." },
  PAYLOAD_UNREADABLE: { doc: "Cannot read a payload file." },
  PAYLOAD_DUPLICATE: { doc: "Two payload files have the same name." },
  PAYLOAD_CHANGED: { retry: true, doc: "A payload file changed while Switchback read it." },
  SCRIPT_UNREADABLE: { doc: "Cannot read a state script." },
  SCRIPT_NAME: {
    doc: "The name of a state script in an Artifact must be STATE_ACTION_NN or STATE_ACTION_NN_DESCRIPTION, with an Artifact state.",
  },
  SCRIPT_DUPLICATE: { doc: "Two state scripts have the same name." },
  OUTPUT_FAILED: { doc: "Cannot write the output file." },
  ARTIFACT_ALREADY_SIGNED: {
    doc: "The Artifact is already signed. Use --force to replace the signature.",
  },
  SIGNATURE_UNCHECKED: {
    doc: "The Artifact is signed, but no key was given to verify the signature.",
  },
  META_DATA_INVALID: { doc: "The meta-data file does not hold a JSON object." },
  OPTION_MISSING: { doc: "A required option is missing." },
  OPTION_INVALID: { doc: "The value of an option is not valid." },
  COMMAND_UNSUPPORTED: { doc: "Switchback does not support this command of mender-artifact." },
  OPTION_UNSUPPORTED: { doc: "Switchback does not support this option of mender-artifact." },
} as const satisfies Record<string, ErrorEntry>;
