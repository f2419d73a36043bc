SUMMARY = "The state scripts of Switchback, for an image"
DESCRIPTION = "PACKAGECONFIG says which of the shipped scripts an image gets that names this recipe in SWITCHBACK_STATE_SCRIPTS."
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/Apache-2.0;md5=89aea4e17d99a7cacdbeed46a0096b10"

inherit switchback-state-scripts

PACKAGECONFIG ??= "health-check"
PACKAGECONFIG[keep-data] = ""
PACKAGECONFIG[health-check] = ""
PACKAGECONFIG[maintenance-window] = ""
PACKAGECONFIG[power-and-network] = ""
PACKAGECONFIG[ask-a-person] = ""

do_compile[depends] += "switchback-native:do_populate_sysroot"

do_compile() {
    install -d ${MENDER_STATE_SCRIPTS_DIR}
    for name in ${PACKAGECONFIG}; do
        for script in ${STAGING_DATADIR_NATIVE}/switchback/state-scripts/*/*_"$name"; do
            [ -e "$script" ] || bbfatal "PACKAGECONFIG names $name, which is no state script of Switchback."
            install -m 0755 "$script" ${MENDER_STATE_SCRIPTS_DIR}/
        done
    done
}
