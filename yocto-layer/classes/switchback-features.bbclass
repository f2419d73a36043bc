# Turns MENDER_FEATURES_ENABLE into overrides, without those in MENDER_FEATURES_DISABLE. For INHERIT in a configuration.
#
#   MENDER_FEATURES_ENABLE:append = " mender-uboot mender-image-sd"
#
# docs/reference/yocto-variables.md of the project lists the features.

MENDER_FEATURES_ENABLE ??= ""
MENDER_FEATURES_DISABLE ??= ""

def switchback_features(d):
    off = (d.getVar('MENDER_FEATURES_DISABLE') or '').split()
    found = []
    for feature in (d.getVar('MENDER_FEATURES_ENABLE') or '').split():
        if feature not in off and feature not in found:
            found.append(feature)
    return found

MENDER_FEATURES = "${@' '.join(switchback_features(d))}"

python switchback_add_overrides() {
    features = switchback_features(d)
    if features:
        d.appendVar('DISTROOVERRIDES', ':' + ':'.join(features))
}
addhandler switchback_add_overrides
switchback_add_overrides[eventmask] = "bb.event.ConfigParsed"
