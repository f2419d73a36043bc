# State scripts. A recipe puts them into MENDER_STATE_SCRIPTS_DIR in do_compile:
#
#   inherit switchback-state-scripts
#   do_compile() {
#       install -d ${MENDER_STATE_SCRIPTS_DIR}
#       install -m 0755 ${UNPACKDIR}/check ${MENDER_STATE_SCRIPTS_DIR}/ArtifactCommit_Enter_50
#   }
#
# An image gets them by SWITCHBACK_STATE_SCRIPTS = "name-of-the-recipe": Artifact* go into its Artifact, Idle*, Sync* and
# Download* into its root filesystem. Any other name stops the build.

inherit switchback-variables deploy

MENDER_STATE_SCRIPTS_DIR = "${B}/mender-state-scripts"
PACKAGE_ARCH = "${MACHINE_ARCH}"
INHIBIT_DEFAULT_DEPS = "1"
do_compile[cleandirs] += "${MENDER_STATE_SCRIPTS_DIR}"

do_deploy[depends] += "${_SWITCHBACK_DEPENDS}"
do_deploy[prefuncs] += "switchback_write_variables"

do_deploy() {
    # The names are checked here, so that the message names the recipe.
    switchback_yocto state-scripts --from ${MENDER_STATE_SCRIPTS_DIR} --artifact-scripts ${_SWITCHBACK_WORK}/a --rootfs-scripts ${_SWITCHBACK_WORK}/r
    install -d ${DEPLOYDIR}/switchback-state-scripts/${PN}
    install -m 0755 ${MENDER_STATE_SCRIPTS_DIR}/* ${DEPLOYDIR}/switchback-state-scripts/${PN}/
}
addtask deploy after do_compile before do_build

inherit nopackages
