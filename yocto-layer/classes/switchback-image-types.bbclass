# The image types of class switchback-image, which inherits this one.

IMAGE_TYPES += "mender dataimg sdimg gptimg"
IMAGE_TYPEDEP:mender = "${ARTIFACTIMG_FSTYPE}"
IMAGE_TYPEDEP:sdimg = "${ARTIFACTIMG_FSTYPE} dataimg"
IMAGE_TYPEDEP:gptimg = "${ARTIFACTIMG_FSTYPE} dataimg"

_SWITCHBACK_ROOTFS_IMAGE = "${IMGDEPLOYDIR}/${IMAGE_LINK_NAME}.${ARTIFACTIMG_FSTYPE}"

IMAGE_CMD:mender () {
    switchback_yocto artifact --no-progress --rootfs ${_SWITCHBACK_ROOTFS_IMAGE} --scripts ${_SWITCHBACK_WORK}/artifact-scripts \
        --output ${IMGDEPLOYDIR}/${IMAGE_NAME}.mender
}

IMAGE_CMD:dataimg () {
    switchback_yocto data-image --no-progress --data-content ${_SWITCHBACK_WORK}/data.tar --output ${IMGDEPLOYDIR}/${IMAGE_NAME}.dataimg
}

IMAGE_CMD:sdimg () {
    switchback_disk sdimg
}

IMAGE_CMD:gptimg () {
    switchback_disk gptimg
}

# Files of the boot partition: IMAGE_BOOT_FILES, as for other image types, and the program of GRUB.
switchback_boot_files() {
    folder=$1
    mkdir -p "$folder"
    # An entry may hold ; and patterns, which are for the deploy folder and not for the shell.
    entries="${IMAGE_BOOT_FILES}"
    set -f
    # shellcheck disable=SC2086
    set -- $entries
    set +f
    for entry in "$@"; do
        from=${entry%%;*}
        to=${from##*/}
        case $entry in *";"*) to=${entry#*;} ;; esac
        for file in ${DEPLOY_DIR_IMAGE}/$from; do
            [ -e "$file" ] || bbfatal "IMAGE_BOOT_FILES names $from, which is not in ${DEPLOY_DIR_IMAGE}."
            case $from in *"*"*) to=${file##*/} ;; esac
            case $entry in *"*"*";"*/) to=${entry#*;}${file##*/} ;; esac
            mkdir -p "$(dirname "$folder/$to")"
            cp -L "$file" "$folder/$to"
        done
    done
    for program in ${DEPLOY_DIR_IMAGE}/grub-efi-boot*.efi; do
        name=${program##*/grub-efi-}
        if [ ${_SWITCHBACK_CHOSEN_BOOTLOADER} = grub ] && [ -e "$program" ] && [ ! -e "$folder/EFI/BOOT/$name" ]; then
            mkdir -p "$folder/EFI/BOOT"
            cp -L "$program" "$folder/EFI/BOOT/$name"
        fi
    done
}

switchback_disk() {
    kind=$1
    files=${_SWITCHBACK_WORK}/boot-files-$kind
    rm -rf "$files"
    switchback_boot_files "$files"
    set -- --kind "$kind" --rootfs ${_SWITCHBACK_ROOTFS_IMAGE} --data-content ${IMGDEPLOYDIR}/${IMAGE_LINK_NAME}.dataimg --boot-files "$files"
    bootloader="${MENDER_IMAGE_BOOTLOADER_FILE}"
    if [ -n "$bootloader" ]; then
        [ -e "${DEPLOY_DIR_IMAGE}/$bootloader" ] || bbfatal "MENDER_IMAGE_BOOTLOADER_FILE names $bootloader, which is not in ${DEPLOY_DIR_IMAGE}."
        set -- "$@" --bootloader "${DEPLOY_DIR_IMAGE}/$bootloader"
    fi
    if [ ${_SWITCHBACK_CHOSEN_BOOTLOADER} = u-boot ] && [ -e ${DEPLOY_DIR_IMAGE}/u-boot-initial-env ]; then
        set -- "$@" --environment ${DEPLOY_DIR_IMAGE}/u-boot-initial-env
    fi
    # Without a feature, the boot loader is not the business of this layer, and may come later.
    remarks=${@bb.utils.contains_any('MENDER_FEATURES', 'mender-uboot mender-grub', 'shown', 'quiet', d)} \
        switchback_yocto disk "$@" --no-progress --output "${IMGDEPLOYDIR}/${IMAGE_NAME}.$kind"
}

MENDER_IMAGE_BOOTLOADER_FILE ??= ""
_SWITCHBACK_CHOSEN_BOOTLOADER = "${@switchback.slots.bootloader(d.getVar)}"

# Files of the boot loader must be deployed first. Without a feature, the class does not know which recipe makes them.
_SWITCHBACK_DISK_DEPENDS = "${_SWITCHBACK_DEPENDS} ${KERNEL_DEPLOY_DEPEND}"
_SWITCHBACK_DISK_DEPENDS:append:mender-uboot = " virtual/bootloader:do_deploy"
_SWITCHBACK_DISK_DEPENDS:append:mender-grub = " grub-efi:do_deploy"
_SWITCHBACK_DISK_DEPENDS:append = " ${@switchback_deploys(d)}"

def switchback_deploys(d):
    """A machine names the recipes that deploy the files of its boot partition, but for images of wic only."""
    found = (d.getVarFlag('do_image_wic', 'depends') or '').split()
    return ' '.join(task for task in found if task.endswith(':do_deploy'))

do_image_mender[depends] += "${_SWITCHBACK_DEPENDS}"
do_image_dataimg[depends] += "${_SWITCHBACK_DEPENDS}"
do_image_sdimg[depends] += "${_SWITCHBACK_DISK_DEPENDS}"
do_image_gptimg[depends] += "${_SWITCHBACK_DISK_DEPENDS}"

do_image_mender[prefuncs] += "switchback_write_variables"
do_image_dataimg[prefuncs] += "switchback_write_variables"
do_image_sdimg[prefuncs] += "switchback_write_variables"
do_image_gptimg[prefuncs] += "switchback_write_variables"

do_image_mender[vardeps] += "${@' '.join(switchback.variables.names(d))}"
do_image_dataimg[vardeps] += "${@' '.join(switchback.variables.names(d))}"
do_image_sdimg[vardeps] += "${@' '.join(switchback.variables.names(d))}"
do_image_gptimg[vardeps] += "${@' '.join(switchback.variables.names(d))}"

do_image_mender[file-checksums] += "${_SWITCHBACK_CHECKSUMS}"
