# Signing of Artifacts. One of:
#
#   MENDER_ARTIFACT_SIGNING_KEY = "/path/to/private.key"
#   SWITCHBACK_SIGNING_KEY_PASSPHRASE_FILE = "/path/to/passphrase"     if the key has one
#
#   MENDER_ARTIFACT_SIGNING_KEY = "pkcs11:token=release;object=key"    a key in a token
#   SWITCHBACK_SIGNING_KEY_PASSPHRASE_FILE = "/path/to/pin"
#
#   SWITCHBACK_SIGNER = "/path/to/program"                             it gets the digest on stdin
#
# MENDER_ARTIFACT_VERIFY_KEY is the public key for the device. Without a key in the build, sign afterwards:
# `switchback artifact sign`. switchback-image and switchback-module-image inherit this class.

def switchback_checksums(d):
    """A key that changes makes new Artifacts. The passphrase does not."""
    found = []
    for name in ('MENDER_ARTIFACT_SIGNING_KEY', 'MENDER_ARTIFACT_VERIFY_KEY', 'SWITCHBACK_UBOOT_ENVIRONMENT'):
        path = d.getVar(name) or ''
        if path.startswith('/'):
            found.append('%s:%s' % (path, os.path.exists(path)))
    for path in (d.getVar('SWITCHBACK_CONFIGURATION_FRAGMENTS') or '').split():
        if path.startswith('/'):
            found.append('%s:%s' % (path, os.path.exists(path)))
    return ' '.join(found)

_SWITCHBACK_CHECKSUMS = "${@switchback_checksums(d)}"
