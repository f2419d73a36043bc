# U-Boot with two copies of its environment and a boot counter, for recipes of U-Boot (feature mender-uboot). A fork of
# U-Boot with a recipe of its own inherits this class in a .bbappend. No patch is necessary: the class merges a
# configuration fragment, and stops the build if U-Boot's configuration does not agree with fw_env.config.

inherit switchback-variables

# For merge_config.sh.
_SWITCHBACK_DEPENDS:append = " kern-tools-native:do_populate_sysroot"
do_configure[depends] += "${_SWITCHBACK_DEPENDS}"
do_configure[prefuncs] += "switchback_write_variables"
do_configure[vardeps] += "${@' '.join(switchback.variables.names(d))}"

# OE-Core merges fragments of SRC_URI from where they are in a layer, so it cannot take one that the build writes.
do_configure:append() {
    rm -rf ${_SWITCHBACK_WORK}/environment
    switchback_yocto environment --output ${_SWITCHBACK_WORK}/environment
    switchback_u_boot_merge ${_SWITCHBACK_WORK}/environment/switchback.cfg
    switchback_u_boot_check
}

switchback_u_boot_configs() {
    find ${B} -maxdepth 2 -name .config
}

switchback_u_boot_merge() {
    fragment=$1
    switchback_u_boot_configs | while read -r config; do
        folder=${config%/.config}
        merge_config.sh -m -O "$folder" "$config" "$fragment"
        # Options that the fragment brings get their defaults.
        if [ "$folder" = "${S}" ]; then
            yes '' | oe_runmake -C ${S} oldconfig
        else
            yes '' | oe_runmake -C ${S} O="$folder" oldconfig
        fi
    done
}

switchback_u_boot_check() {
    switchback_u_boot_configs | while read -r config; do
        switchback_yocto check-u-boot --config "$config"
    done
}
