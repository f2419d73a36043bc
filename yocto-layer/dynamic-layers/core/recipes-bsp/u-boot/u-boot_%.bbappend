# Only with the feature mender-uboot. No patch: a configuration fragment, and a check of what came out.
inherit ${@'switchback-u-boot' if 'mender-uboot' in (d.getVar('OVERRIDES') or '').split(':') else ''}
