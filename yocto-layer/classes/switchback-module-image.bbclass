# Artifacts for an update module, as a recipe of their own:
#
#   inherit switchback-module-image
#   SWITCHBACK_MODULE_TYPE = "single-file"
#   SWITCHBACK_MODULE_FILES = "${WORKDIR}/files/a ${WORKDIR}/files/b"
#
# do_compile may make the files. The result is ${DEPLOY_DIR_IMAGE}/${PN}.mender. The name of the Artifact is
# MENDER_ARTIFACT_NAME, by default ${PN}-${PV}.

inherit switchback-variables switchback-sign deploy

SWITCHBACK_MODULE_TYPE ??= ""
SWITCHBACK_MODULE_FILES ??= ""
MENDER_ARTIFACT_NAME ??= "${PN}-${PV}"
PACKAGE_ARCH = "${MACHINE_ARCH}"
INHIBIT_DEFAULT_DEPS = "1"

do_deploy[depends] += "${_SWITCHBACK_DEPENDS}"
do_deploy[prefuncs] += "switchback_write_variables"
do_deploy[vardeps] += "${@' '.join(switchback.variables.names(d))}"
do_deploy[file-checksums] += "${_SWITCHBACK_CHECKSUMS}"

do_deploy() {
    if [ -z "${SWITCHBACK_MODULE_TYPE}" ]; then
        bbfatal "SWITCHBACK_MODULE_TYPE is not set: the update module for which ${PN} makes an Artifact."
    fi
    switchback_yocto module-artifact --no-progress --type ${SWITCHBACK_MODULE_TYPE} --files ${SWITCHBACK_MODULE_FILES} --output ${DEPLOYDIR}/${PN}.mender
}
addtask deploy after do_compile before do_build

# A recipe of this class makes no packages.
inherit nopackages
