# Images for devices with two slots. An image recipe inherits this class, or IMAGE_CLASSES names it for all images.
#
# Image types for IMAGE_FSTYPES:
#   mender    an Artifact with the root filesystem
#   dataimg   the data partition: what recipes install to MENDER_DATA_PART_MOUNT_LOCATION (default /data)
#   sdimg     the image of a disk with a DOS partition table
#   gptimg    the image of a disk with a GPT
#
# The variables are in docs/reference/yocto-variables.md of the project. The most important ones:
#   MENDER_ARTIFACT_NAME           name of the Artifact (default: IMAGE_BASENAME)
#   MENDER_DEVICE_TYPE             device type (default: MACHINE)
#   MENDER_STORAGE_DEVICE          the disk on the device
#   MENDER_STORAGE_TOTAL_SIZE_MB   its size; the slots get what the other partitions leave
#
# The class holds no logic: `switchback yocto` (switchback-native) computes, writes and checks.

inherit switchback-variables switchback-sign

MENDER_ARTIFACT_NAME ??= "${IMAGE_BASENAME}"
# A name with the date does not rebuild the image each time.
MENDER_ARTIFACT_NAME[vardepsexclude] += "DATE TIME DATETIME"
ARTIFACTIMG_FSTYPE ??= "ext4"

IMAGE_FSTYPES:append = " ${ARTIFACTIMG_FSTYPE} mender"
IMAGE_FSTYPES:append:mender-image-sd = " sdimg"
IMAGE_FSTYPES:append:mender-image-gpt = " gptimg"
IMAGE_FSTYPES:append:mender-image-uefi = " gptimg"

IMAGE_INSTALL:append:mender-client-install = " switchback"
IMAGE_INSTALL:append:mender-growfs-data = " switchback-grow-data"
IMAGE_INSTALL:append:mender-persist-systemd-machine-id = " switchback-machine-id"

# The root filesystem fills its slot.
MENDER_CALC_ROOTFS_SIZE = "${@switchback.slots.slot_kib(d.getVar, lambda name: switchback.variables.flags(d, name))}"
IMAGE_ROOTFS_SIZE = "${@max(0, int(d.getVar('MENDER_CALC_ROOTFS_SIZE')) - eval(d.getVar('IMAGE_ROOTFS_EXTRA_SPACE') or '0'))}"
IMAGE_ROOTFS_MAXSIZE = "${MENDER_CALC_ROOTFS_SIZE}"
# A mount of a read-only root filesystem must not change the slot.
EXTRA_IMAGECMD:ext4:append = "${@bb.utils.contains('IMAGE_FEATURES', 'read-only-rootfs', ' -O ^has_journal', '', d)}"

do_rootfs[depends] += "${_SWITCHBACK_DEPENDS}"
do_rootfs[vardeps] += "${@' '.join(switchback.variables.names(d))}"
do_rootfs[file-checksums] += "${_SWITCHBACK_CHECKSUMS}"
# Nobody asks for the owners of the files in the work folder and of the results. wrynose names the paths that pseudo
# watches, and has no list of those that it ignores.
python __anonymous() {
    if d.getVar('PSEUDO_IGNORE_PATHS'):
        d.appendVar('PSEUDO_IGNORE_PATHS', ',${_SWITCHBACK_WORK},${WORKDIR}/sstate-build-image_complete')
}
# Under pseudo a tree keeps its owners only in certain folders of WORKDIR, and this is one of them.
_SWITCHBACK_DATA = "${WORKDIR}/rootfs-data"
do_rootfs[cleandirs] += "${_SWITCHBACK_DATA} ${_SWITCHBACK_WORK}"

ROOTFS_POSTPROCESS_COMMAND += "switchback_write_variables switchback_check switchback_rootfs"

switchback_check() {
    switchback_yocto check
}

# What depends on variables of the image: mender.conf, the name of the Artifact, fstab, the environment's place.
switchback_rootfs() {
    made=${_SWITCHBACK_WORK}/configuration
    data=${IMAGE_ROOTFS}${MENDER_DATA_PART_MOUNT_LOCATION}
    rm -rf "$made"
    switchback_yocto configuration --output "$made"
    # New files belong to root under pseudo. Those in the work folder do not.
    cp -R --preserve=mode "$made/rootfs/." ${IMAGE_ROOTFS}/
    mkdir -p "$data/mender" ${IMAGE_ROOTFS}${sysconfdir}
    chmod 0700 "$data/mender"
    cp -R --preserve=mode "$made/data/." "$data/"
    # The device of / is for the boot loader to choose.
    touch ${IMAGE_ROOTFS}${sysconfdir}/fstab
    if ! grep -q '^# Partitions of Switchback' ${IMAGE_ROOTFS}${sysconfdir}/fstab; then
        echo '# Partitions of Switchback' >> ${IMAGE_ROOTFS}${sysconfdir}/fstab
        cat "$made/fstab" >> ${IMAGE_ROOTFS}${sysconfdir}/fstab
    fi
    switchback_yocto bootstrap-artifact --no-progress --output "$data/mender/bootstrap.mender"
    chmod 0400 "$data/mender/bootstrap.mender"
    switchback_scripts
}

# State scripts that recipes deployed: those for the root filesystem, and those for the Artifact.
switchback_scripts() {
    scripts=${_SWITCHBACK_WORK}/artifact-scripts
    rm -rf "$scripts" ${_SWITCHBACK_WORK}/rootfs-scripts ${_SWITCHBACK_WORK}/deployed-scripts
    mkdir -p ${_SWITCHBACK_WORK}/deployed-scripts
    for recipe in ${SWITCHBACK_STATE_SCRIPTS}; do
        if [ ! -d ${DEPLOY_DIR_IMAGE}/switchback-state-scripts/$recipe ]; then
            bbfatal "SWITCHBACK_STATE_SCRIPTS names $recipe, which deploys no state scripts: its recipe must inherit switchback-state-scripts."
        fi
        cp ${DEPLOY_DIR_IMAGE}/switchback-state-scripts/$recipe/* ${_SWITCHBACK_WORK}/deployed-scripts/
    done
    switchback_yocto state-scripts --from ${_SWITCHBACK_WORK}/deployed-scripts --artifact-scripts "$scripts" --rootfs-scripts ${_SWITCHBACK_WORK}/rootfs-scripts
    if [ -n "$(ls -A ${_SWITCHBACK_WORK}/rootfs-scripts)" ]; then
        mkdir -p ${IMAGE_ROOTFS}${sysconfdir}/mender/scripts
        cp --preserve=mode ${_SWITCHBACK_WORK}/rootfs-scripts/* ${IMAGE_ROOTFS}${sysconfdir}/mender/scripts/
    fi
}

# Recipes of class switchback-state-scripts whose scripts this image gets. No other image gets them.
SWITCHBACK_STATE_SCRIPTS ??= ""
do_rootfs[depends] += "${@' '.join(recipe + ':do_deploy' for recipe in d.getVar('SWITCHBACK_STATE_SCRIPTS').split())}"

# The content of the data partition leaves the root filesystem, which keeps the mount point.
IMAGE_PREPROCESS_COMMAND += "switchback_move_data switchback_check_size"

switchback_move_data() {
    from=${IMAGE_ROOTFS}${MENDER_DATA_PART_MOUNT_LOCATION}
    mkdir -p ${_SWITCHBACK_DATA} "$from"
    if [ -n "$(ls -A "$from")" ]; then
        cp -a "$from/." ${_SWITCHBACK_DATA}/
        find "$from" -mindepth 1 -delete
    fi
    # tar sees the owners under pseudo. Node would see those of the build machine.
    tar --sort=name --numeric-owner -C ${_SWITCHBACK_DATA} -cf ${_SWITCHBACK_WORK}/data.tar .
}

def switchback_size_of(d, paths):
    import os
    total = 0
    for path in paths:
        place = d.getVar('IMAGE_ROOTFS') + path
        if os.path.isdir(place):
            total += oe.utils.directory_size(place)
        elif os.path.isfile(place):
            total += os.path.getsize(place)
    return total

python switchback_check_size() {
    slot = int(d.getVar('MENDER_CALC_ROOTFS_SIZE'))
    factor = float(d.getVar('IMAGE_OVERHEAD_FACTOR'))
    extra = eval(d.getVar('IMAGE_ROOTFS_EXTRA_SPACE') or '0')
    tree = oe.utils.directory_size(d.getVar('IMAGE_ROOTFS')) / 1024
    need = int(tree * factor + extra) + 1
    agent = switchback_size_of(d, [d.expand(path) for path in ('${bindir}/node', '${nonarch_libdir}/switchback', '${nonarch_libdir}/node_modules')]) // 1024
    if need > slot:
        missing = -(-(need - slot) // 1024)
        bb.fatal("The root filesystem does not fit into a slot: it needs %d KiB (%d KiB times IMAGE_OVERHEAD_FACTOR = %s, plus "
                 "IMAGE_ROOTFS_EXTRA_SPACE = %s), and a slot has %d KiB, so %d MiB are missing. The agent with Node takes %d KiB "
                 "of it. Raise MENDER_STORAGE_TOTAL_SIZE_MB (now %s) by at least %d, or install less." % (
                     need, tree, factor, extra, slot, missing, agent, d.getVar('MENDER_STORAGE_TOTAL_SIZE_MB') or '1024', 2 * missing))
    bb.note("A slot has %d KiB, and the root filesystem needs %d KiB. The agent with Node takes %d KiB." % (slot, need, agent))
}

inherit switchback-image-types
