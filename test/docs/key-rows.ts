import type { Device } from "../cli/examples/device.ts";
import type { Row } from "../cli/examples/row.ts";

/** Makes the key of docs/keys.md. */
const SIGNING_KEY = `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out private.pem
openssl pkey -in private.pem -pubout -out artifact-verify-key.pem;`;
const SIGNED_LATER = `${SIGNING_KEY} head -c 4096 /dev/zero >image
switchback artifact write rootfs-image -t my-board -n release-2 -f image -o release-2.mender;`;
const isSigned = "switchback artifact validate -k artifact-verify-key.pem release-2.mender";
/** Stands in for the command line of a key service: it has the key, and refuses what it does not know. */
const keyService = (name: string, cases: string) => (device: Device) => {
  const sign = "openssl pkeyutl -sign -inkey private.pem -pkeyopt digest:sha256";
  device.put(
    `/opt/bin/${name}`,
    `#!/bin/bash\nset -e\nsign() { ${sign} "$@"; }\ncase "$*" in\n${cases}\n*) exit 9 ;; esac\n`,
    0o755,
  );
};
/** A block that makes the public key anew, and signs through that command line. */
const throughService = (example: string, name: string, cases: string): Row => ({
  example,
  fits: {
    at: "desk",
    given: keyService(name, cases),
    around: (lines) => `${SIGNED_LATER} rm artifact-verify-key.pem; ${lines}\n${isSigned}`,
    says: ["Artifact signed: release-2.mender", "Artifact file 'release-2.mender' validated successfully"],
  },
  otherwise: {
    "a service that refuses": {
      at: "desk",
      given: keyService(name, ""),
      around: (lines) => `${SIGNED_LATER} ${lines}`,
      exit: 1,
      changes: ["*"],
    },
  },
});
/** Blocks of docs/keys.md about signing. */
export const KEY_ROWS: readonly Row[] = [
  {
    example:
      "switchback artifact write rootfs-image -t my-board -n release-2 -f rootfs.ext4 -o release-2.mender -k private.pem",
    fits: {
      at: "desk",
      given: (device) => device.put("rootfs.ext4", "rootfs.ext4\n"),
      around: (lines) => `${SIGNING_KEY} head -c 4096 /dev/zero >rootfs.ext4; ${lines}`,
      says: ["Artifact file 'release-2.mender' validated successfully"],
    },
    otherwise: {
      "a key that does not fit": {
        at: "desk",
        around: (lines) => `${SIGNING_KEY} openssl genpkey -algorithm ed25519 -out private.pem
          head -c 4096 /dev/zero >rootfs.ext4; ${lines}`,
        exit: 1,
        says: ["ARTIFACT_SIGNATURE"],
        changes: ["*"],
      },
    },
  },
  {
    example: "switchback artifact sign -k private.pem release-2.mender",
    fits: {
      at: "desk",
      around: (line) => `${SIGNING_KEY} head -c 4096 /dev/zero >image
        switchback artifact write rootfs-image -t my-board -n release-2 -f image -o release-2.mender; ${line}`,
      says: ["Artifact signed: release-2.mender"],
    },
    otherwise: { "no such key": { at: "desk", exit: 1, says: ["KEY_UNREADABLE"] } },
  },
  {
    example: "switchback artifact sign --key-pkcs11 'pkcs11:token=release;object=signing' release-2.mender",
    fits: "test/system/interop/keys-in-a-token.test.ts · the token of the manual signs and verifies, with a PIN from a person",
    otherwise: { "no such token": { at: "desk", exit: 1, says: ["TOKEN_KEY"] } },
  },
  {
    example: "cat >sign-with-my-tool.sh <<'END'",
    fits: {
      at: "desk",
      around: (lines) => `${SIGNED_LATER} ${lines}\n${isSigned}`,
      says: ["Artifact signed: release-2.mender", "Artifact file 'release-2.mender' validated successfully"],
    },
    otherwise: {
      "another public key": {
        at: "desk",
        around: (
          lines,
        ) => `${SIGNED_LATER} openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out private.pem
          ${lines}`,
        exit: 1,
        says: ["SIGNER_KEY"],
        changes: ["*"],
      },
    },
  },
  throughService(
    "aws kms get-public-key --key-id alias/release --query PublicKey --output text | base64 -d |",
    "aws",
    `"kms get-public-key --key-id alias/release --query PublicKey --output text")
      openssl pkey -in private.pem -pubout -outform DER | base64 -w 0; echo ;;
    "kms sign --key-id alias/release --message-type DIGEST --message fileb:///dev/stdin --signing-algorithm ECDSA_SHA_256 --query Signature --output text")
      sign -in /dev/stdin | base64 -w 0; echo ;;`,
  ),
  throughService(
    "gcloud kms keys versions get-public-key 1 --location europe-west1 --keyring release --key signing --output-file artifact-verify-key.pem",
    "gcloud",
    `"kms keys versions get-public-key 1 --location europe-west1 --keyring release --key signing --output-file "*)
      openssl pkey -in private.pem -pubout -out "\${!#}" ;;
    "kms asymmetric-sign --location europe-west1 --keyring release --key signing --version 1 --digest-algorithm sha256 --input-file "*)
      openssl dgst -sha256 -sign private.pem -out "\${!#}" "\${*: -3:1}" ;;`,
  ),
  throughService(
    "az keyvault key download --vault-name my-vault --name release --encoding PEM --file artifact-verify-key.pem",
    "az",
    `"keyvault key download --vault-name my-vault --name release --encoding PEM --file artifact-verify-key.pem")
      openssl pkey -in private.pem -pubout -out artifact-verify-key.pem ;;
    "keyvault key sign --vault-name my-vault --name release --algorithm ES256 --digest "*)
      printf %s "\${*: -5:1}" | base64 -d | sign |
        perl -0777 -ne 'print map { substr("\\0" x 32 . $_, -32) } unpack("x3 C/a x C/a", $_)' | base64 -w 0 ;;`,
  ),
  throughService(
    `vault read -format=json transit/keys/release | jq -r '.data.keys["1"].public_key' >artifact-verify-key.pem`,
    "vault",
    `"read -format=json transit/keys/release")
      openssl pkey -in private.pem -pubout | jq -Rs '{data: {keys: {"1": {public_key: .}}}}' ;;
    "write -field=signature transit/sign/release/sha2-256 prehashed=true input="*)
      printf %s "\${5#input=}" | base64 -d | sign | { printf vault:v1:; base64 -w 0; } ;;`,
  ),
  {
    example: "switchback artifact sign -k private-encrypted.pem --key-passphrase-file passphrase release-2.mender",
    fits: {
      at: "desk",
      around: (lines) => `${SIGNING_KEY} head -c 4096 /dev/zero >image
        switchback artifact write rootfs-image -t my-board -n release-2 -f image -o release-2.mender
        openssl pkey -in private.pem -aes256 -passout pass:secret -out private-encrypted.pem
        echo secret >passphrase
        ${lines}`,
      says: ["Artifact signed: release-2.mender"],
    },
    otherwise: {
      "another passphrase": {
        at: "desk",
        around: (
          lines,
        ) => `${SIGNING_KEY} openssl pkey -in private.pem -aes256 -passout pass:x -out private-encrypted.pem
          head -c 4096 /dev/zero >image; echo secret >passphrase
          switchback artifact write rootfs-image -t my-board -n release-2 -f image -o release-2.mender; ${lines}`,
        exit: 1,
        says: ["KEY_PASSPHRASE"],
        changes: ["*"],
      },
    },
  },
];
