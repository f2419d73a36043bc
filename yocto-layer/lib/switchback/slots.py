# SPDX-License-Identifier: Apache-2.0
"""The size of a slot, while BitBake parses. `switchback yocto slot-size` computes the same; a test compares the two."""

MIB = 1024 * 1024


def number(getter, name, standard):
    """The value of a variable as a number. Other values are for `switchback yocto check` to refuse."""
    text = (getter(name) or "").strip()
    try:
        return int(text, 0) if text else standard
    except ValueError:
        return standard


def bootloader(getter):
    """u-boot, grub or none."""
    chosen = (getter("SWITCHBACK_BOOTLOADER") or "").strip()
    if chosen:
        return chosen
    features = (getter("MENDER_FEATURES_ENABLE") or "").split()
    off = (getter("MENDER_FEATURES_DISABLE") or "").split()
    features = [name for name in features if name not in off]
    for feature, name in (("mender-uboot", "u-boot"), ("mender-grub", "grub")):
        if feature in features:
            return name
    arch = getter("TARGET_ARCH") or getter("MACHINE") or ""
    is_pc = "x86" in arch or (len(arch) == 4 and arch[0] == "i" and arch.endswith("86"))
    return "grub" if is_pc else "u-boot"


def table(getter):
    """dos or gpt: the partition table for which devices are numbered."""
    chosen = (getter("SWITCHBACK_DISK_LABEL") or "").strip()
    if chosen:
        return chosen
    types = [name.split(".")[0] for name in (getter("IMAGE_FSTYPES") or "").split()]
    return "gpt" if "gptimg" in types and "sdimg" not in types else "dos"


def slot_kib(getter, flags=lambda name: {}):
    """KiB of one slot; 0 or less if the medium is too small.

    getter gives the value of a variable, flags those of its flags.
    """
    align = number(getter, "MENDER_PARTITION_ALIGNMENT", number(getter, "MENDER_STORAGE_PEB_SIZE", 8 * MIB))
    if align <= 0:
        return 0

    def up(size):
        return -(-size // align) * align

    boot = number(getter, "MENDER_BOOT_PART_SIZE_MB", 16) * MIB
    data = number(getter, "MENDER_DATA_PART_SIZE_MB", 128) * MIB
    swap = number(getter, "MENDER_SWAP_PART_SIZE_MB", 0) * MIB
    sizes = flags("MENDER_EXTRA_PARTS_SIZES_MB") or {}
    extras = [number(sizes.get, name, 0) * MIB for name in (getter("MENDER_EXTRA_PARTS") or "").split()]
    standard = 2 * align if bootloader(getter) == "u-boot" else 0
    reserved = number(getter, "MENDER_RESERVED_SPACE_BOOTLOADER_DATA", standard)
    total = number(getter, "MENDER_STORAGE_TOTAL_SIZE_MB", 1024) * MIB

    parts = [size for size in (boot, data, swap, *extras) if size > 0]
    # Each logical partition needs a boot record in front of it.
    records = max(0, len(parts) + 2 - 4) if table(getter) == "dos" else 0
    taken = sum(up(size) for size in parts)
    free = total - taken - (2 + records) * align - up(reserved)
    return free // 2 // align * align // 1024
