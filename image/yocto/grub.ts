import { partitionNamed, type YoctoPartition } from "./partitions.ts";
import { valueIn } from "./read-variables.ts";
import type { DiskLabel, Settings } from "./settings.ts";
import { kernelArguments } from "./u-boot.ts";

/**
 * GRUB's script. Two copies of the environment, each with a lock that tells whether it was being changed when the power
 * failed; a changed copy is restored from the other.
 */
export function grubScript(settings: Settings, partitions: readonly YoctoPartition[], label: DiskLabel): string {
  const { variables, base } = settings;
  const [a, b] = [partitionNamed(partitions, "rootfsA"), partitionNamed(partitions, "rootfsB")];
  const kernel =
    valueIn(variables, "MENDER_KERNEL_IMAGETYPE_FORCE") ?? valueIn(variables, "KERNEL_IMAGETYPE") ?? "bzImage";
  const table = label === "dos" ? "msdos" : "gpt";
  const disk = valueIn(variables, "MENDER_GRUB_STORAGE_DEVICE");
  const byPartuuid = a.partuuid !== undefined && b.partuuid !== undefined;
  const root = byPartuuid
    ? `if test "$mender_boot_part" = ${a.number}; then set slot=PARTUUID=${a.partuuid}; else set slot=PARTUUID=${b.partuuid}; fi`
    : `set slot=${base}$mender_boot_part`;
  return `# Boots the slot that the environment names. Made by switchback yocto environment.
set env=/grub-mender-grubenv
set disk=${disk ?? "hd0"}${disk === undefined ? '\nregexp --set 1:disk "^([^,]+)" "$root"' : ""}

function is_valid { hashsum --hash sha256 --prefix \${env}/mender_grubenv$1 --check \${env}/mender_grubenv$1/lock.sha256sum; }
function load_copy { load_env --skip-sig --file \${env}/mender_grubenv$1/env bootcount mender_boot_part upgrade_available mender_systemd_machine_id; }
function save_copy {
  set editing=1
  save_env --file \${env}/mender_grubenv$1/lock editing
  save_env --file \${env}/mender_grubenv$1/env bootcount mender_boot_part upgrade_available mender_systemd_machine_id
  set editing=0
  save_env --file \${env}/mender_grubenv$1/lock editing
}

if is_valid 2; then
  if is_valid 1; then load_copy 1; else load_copy 2; save_copy 1; fi
else
  if is_valid 1; then load_copy 1; save_copy 2; fi
fi

if test "$mender_boot_part" != ${a.number} -a "$mender_boot_part" != ${b.number}; then set mender_boot_part=${a.number}; fi
if test "$upgrade_available" = 1; then
  if test "$bootcount" != 0; then
    if test "$mender_boot_part" = ${a.number}; then set mender_boot_part=${b.number}; else set mender_boot_part=${a.number}; fi
    echo "Rolling back to partition $mender_boot_part"
    set upgrade_available=0
    set bootcount=0
  else
    set bootcount=1
  fi
  save_copy 2
  save_copy 1
fi

${root}
set identity=
if test -n "$mender_systemd_machine_id"; then set identity=systemd.machine_id=$mender_systemd_machine_id; fi
set system=($disk,${table}$mender_boot_part)
if linux $system/boot/${kernel} root=$slot ${kernelArguments(settings)} $identity; then
  if test -e $system/boot/initrd; then initrd $system/boot/initrd; fi
  boot
fi
echo "The kernel of partition $mender_boot_part did not start"
if test "$upgrade_available" = 1; then reboot; fi
sleep 10
reboot
`;
}
