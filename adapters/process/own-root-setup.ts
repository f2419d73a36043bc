/** Variable that carries the script below, so that process lists show the program instead of the script. */
export const SETUP_VARIABLE = "SWITCHBACK_SETUP";

/** Exit status of a failed set-up; the program was not started. */
const SETUP_FAILED = 125;

/** Folders with programs that the board shares with the machine, read-only. */
export const PROGRAM_FOLDERS: readonly string[] = ["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"];

/** Devices of the machine that are safe to share. */
export const DEVICES: readonly string[] = ["full", "null", "random", "urandom", "zero"];

/** Folder in `run` that shows the machine's root while the set-up moves folders into the new root. */
export const MACHINE = ".machine";

/** The capabilities that containers leave to root, except the right to create device nodes. */
const CAPABILITIES = [
  ...["chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap"],
  ...["net_bind_service", "net_raw", "sys_chroot", "audit_write", "setfcap"],
];

/**
 * Runs as the first process of new namespaces: makes the folder `$1` the root, then starts the program. `$2` is the
 * program's working directory, and `$3` a file or folder that stays read-only. The next arguments are folders that
 * appear at the same path in the new root, then `--` and the program's argv. Every command costs a process start, and
 * an update starts many programs.
 *
 * The first process ignores signals that it does not handle. It therefore stays, and the program is its child.
 */
export const SETUP = `
set -eu
unset ${SETUP_VARIABLE}
trap 'exit ${SETUP_FAILED}' EXIT
root=$1 cwd=$2 readonly=$3
shift 3
mount --bind "$root" "$root"
for name in ${PROGRAM_FOLDERS.join(" ")}; do
  if [ -d "/$name" ] && [ ! -L "/$name" ]; then mount --rbind "/$name" "$root/$name"; fi
done
for name in ${DEVICES.join(" ")}; do mount --bind "/dev/$name" "$root/dev/$name"; done
mount -t proc proc "$root/proc"
for name in sys sysrq-trigger; do
  if [ -e "$root/proc/$name" ]; then mount --bind "$root/proc/$name" "$root/proc/$name"; fi
done
cd "$root"
pivot_root . run/${MACHINE}
cd /
# From here on a link of the board leads to the board.
share() {
  if [ -d "/run/${MACHINE}$1" ]; then
    [ -d "$1" ] || mkdir -p "$1"
  else
    mkdir -p "\${1%/*}"
    [ -e "$1" ] || true >"$1"
  fi
  mount --rbind "/run/${MACHINE}$1" "$1"
}
[ -z "$readonly" ] || share "$readonly"
while read -r _ _ _ _ point options _; do
  case $point in
    # As the kernel writes blanks and backslashes.
    *\\\\*) point=$(printf %b "$(printf %s "$point" | sed 's/\\\\\\([0-7][0-7][0-7]\\)/\\\\0\\1/g')") ;;
  esac
  case "$point/" in
    ${PROGRAM_FOLDERS.map((name) => `/${name}/*`).join(" | ")} | /proc/?* | "\${readonly:-/usr}"/*)
      mount -o "remount,bind,ro\${options#r[ow]}" "$point"
      ;;
  esac
done </proc/self/mountinfo
# After that, because one of them may lie in a folder that is read-only.
while [ "$1" != -- ]; do
  share "$1"
  shift
done
shift
umount -l /run/${MACHINE}
cd "$cwd"
trap - EXIT
set +e
setpriv --bounding-set=-all,${CAPABILITIES.map((name) => `+${name}`).join(",")} --inh-caps=-all -- "$@"
exit $?
`;
