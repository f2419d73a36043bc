import type { ErrorEntry } from "./catalogue.ts";

/** What can be wrong with an Artifact, or with what is asked of the artifact tool. */
export const ARTIFACT_ERRORS = {
  ARTIFACT_TRUNCATED: { retry: true, exit: 1, doc: "The Artifact ends before its last member is complete." },
  ARTIFACT_CHECKSUM: { retry: false, exit: 1, doc: "A checksum differs from the one in the manifest." },
  KEY_UNREADABLE: { retry: false, exit: 1, doc: "The key file cannot be read." },
  KEY_INVALID: { retry: false, exit: 1, doc: "The key file does not hold what is wanted." },
  KEY_NOT_PUBLIC: { retry: false, exit: 1, doc: "A signature is verified with a public key in PEM form." },
  KEY_NOT_PRIVATE: { retry: false, exit: 1, doc: "An Artifact is signed with a private key in PEM form." },
  KEY_ENCRYPTED: { retry: false, exit: 1, doc: "The private key is protected by a passphrase, which is not supported." },
  KEY_UNSUPPORTED: {
    retry: false,
    exit: 1,
    doc: "Only RSA, ECDSA P-256 and Ed25519 keys sign Artifacts.",
  },
} as const satisfies Record<string, ErrorEntry>;
