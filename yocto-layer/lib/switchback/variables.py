# SPDX-License-Identifier: Apache-2.0
"""Which variables go to `switchback yocto`, and how."""

import json
import os

PREFIXES = ("MENDER_", "SWITCHBACK_", "ARTIFACTIMG_", "SDIMG_")
NAMES = (
    "BOOTENV_SIZE",
    "IMAGE_BASENAME",
    "IMAGE_BOOT_FILES",
    "IMAGE_BOOTLOADER_BOOTSECTOR_OFFSET",
    "IMAGE_BOOTLOADER_FILE",
    "IMAGE_FSTYPES",
    "KERNEL_DEVICETREE",
    "KERNEL_IMAGETYPE",
    "MACHINE",
    "SERIAL_CONSOLES",
    "TARGET_ARCH",
)
# Flags that BitBake itself uses.
OWN_FLAGS = ("doc", "defaultval", "export", "func", "type", "unexport", "vardeps", "vardepsexclude", "vardepvalue", "vardepvalueexclude")


def is_ours(name):
    return name in NAMES or (name.startswith(PREFIXES) and ":" not in name and name == name.upper())


def names(d):
    """Names of all variables that count, sorted. A task that uses them depends on this list and on their values."""
    return sorted(name for name in d.keys() if is_ours(name) and not d.getVarFlag(name, "func", False))


def flags(d, name):
    found = d.getVarFlags(name, internalflags=False) or {}
    return {flag: d.expand(value) for flag, value in found.items() if flag not in OWN_FLAGS and isinstance(value, str)}


def values(d):
    # A name that is only set for an override which is off: without a value, but its spelling can be checked.
    with_overrides = [name.split(":")[0] for name in d.keys() if ":" in name]
    found = {name: "" for name in with_overrides if name.startswith(PREFIXES) and name == name.upper()}
    for name in names(d):
        value = d.getVar(name)
        if value is not None:
            found[name] = str(value)
        if name.startswith("MENDER_EXTRA_PARTS"):
            found.update({"%s[%s]" % (name, flag): text for flag, text in flags(d, name).items()})
    return found


def write(d, path):
    """Image types run at the same time, so the file must be complete at any instant."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    part = "%s.%d" % (path, os.getpid())
    with open(part, "w", encoding="utf-8") as file:
        json.dump(values(d), file, indent=1, sort_keys=True)
    os.rename(part, path)
