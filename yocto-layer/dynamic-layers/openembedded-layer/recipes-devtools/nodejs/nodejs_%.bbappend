# A lean Node for the device, only with the feature switchback-lean-node: no npm, no inspector, and the small ICU instead
# of the whole one. Start-up snapshot and code cache are on: without them, Node compiles its own modules at each start.
# For a snapshot, Node's build runs programs for the target. The recipe's wrapper runs them with QEMU, as it does for
# other programs when a target has another word size.
PACKAGECONFIG:remove:switchback-lean-node:class-target = "icu"
PACKAGECONFIG_CONFARGS:append:switchback-lean-node:class-target = " --without-npm --without-corepack --without-inspector"
CROSS_FLAGS:switchback-lean-node:class-target = "--no-cross-compiling"

python __anonymous() {
    if 'switchback-lean-node' in (d.getVar('OVERRIDES') or '').split(':') and d.getVar('CLASSOVERRIDE') == 'class-target':
        d.setVar('HOST_AND_TARGET_SAME_WIDTH', '0')
        # Without its PACKAGECONFIG, the recipe passes --without-intl, behind what :append adds. The last option counts.
        d.appendVar('PACKAGECONFIG_CONFARGS', ' --with-intl=small-icu')
}
