# U-Boot with two copies of its environment and a boot counter, for recipes of U-Boot (feature mender-uboot). A fork of
# U-Boot with a recipe of its own inherits this class in a .bbappend. No patch is necessary: the class adds a
# configuration fragment, and stops the build if U-Boot's configuration does not agree with fw_env.config.

inherit switchback-variables

do_configure[depends] += "${_SWITCHBACK_DEPENDS}"
do_configure[prefuncs] += "switchback_write_variables switchback_u_boot_fragment"
do_configure[vardeps] += "${@' '.join(switchback.variables.names(d))}"

FILESEXTRAPATHS:prepend := "${@bb.utils.which(d.getVar('BBPATH'), 'files/switchback-u-boot')}:"
# The real content is written before do_configure: it depends on the variables.
SRC_URI:append = " file://switchback.cfg"

switchback_u_boot_fragment() {
    rm -rf ${_SWITCHBACK_WORK}/environment
    switchback_yocto environment --output ${_SWITCHBACK_WORK}/environment
    cp ${_SWITCHBACK_WORK}/environment/switchback.cfg ${UNPACKDIR}/switchback.cfg
}

do_configure[postfuncs] += "switchback_u_boot_check"

switchback_u_boot_check() {
    find ${B} -maxdepth 2 -name .config | while read -r config; do
        switchback_yocto check-u-boot --config "$config"
    done
}
