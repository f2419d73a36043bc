SUMMARY = "Files under the names that linux-yocto deploys"
LICENSE = "CLOSED"
INHIBIT_DEFAULT_DEPS = "1"
PROVIDES += "virtual/kernel"
PACKAGE_ARCH = "${MACHINE_ARCH}"
KERNEL_IMAGETYPE ??= "bzImage"
# A kernel that starts, if there is one.
STUB_KERNEL ??= ""
inherit deploy
do_deploy() {
    if [ -n "${STUB_KERNEL}" ]; then
        cp -L ${STUB_KERNEL} ${DEPLOYDIR}/${KERNEL_IMAGETYPE}
    else
        printf 'not a real %s\n' ${KERNEL_IMAGETYPE} > ${DEPLOYDIR}/${KERNEL_IMAGETYPE}
    fi
}
addtask deploy after do_compile before do_build
ALLOW_EMPTY:${PN} = "1"
