import type { ImageBoard } from "./board/schema.ts";
import { ownEntry, type TreeEntry } from "./tree/entry.ts";

const SCRIPT = "usr/libexec/switchback-grow-data";
const UNIT = "switchback-grow-data.service";
const UNITS = "usr/lib/systemd/system";

/** Files of the root filesystem for the first start of a new device. */
export function* firstBootEntries({ firstBoot }: ImageBoard, mount: string, time: number): Generator<TreeEntry> {
  // An empty file makes systemd choose a new identity at the first start, and keep it.
  if (firstBoot?.machineId === true) yield ownEntry("etc/machine-id", "file", time, {});
  if (firstBoot?.growData !== true) return;
  yield ownEntry(SCRIPT, "file", time, { bytes: Buffer.from(GROW), mode: 0o755 });
  yield ownEntry(`${UNITS}/${UNIT}`, "file", time, { bytes: Buffer.from(unitFor(mount)) });
  yield ownEntry(`${UNITS}/local-fs.target.wants/${UNIT}`, "symlink", time, { target: `../${UNIT}` });
}

const unitFor = (mount: string): string => `# Enlarges the data partition to the end of the medium.
[Unit]
Description=Grow the data partition
DefaultDependencies=no
RequiresMountsFor=${mount}
Before=local-fs.target shutdown.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/${SCRIPT} ${mount}
`;

/**
 * Does nothing if there is no room to grow, so it may run at every start. If the power fails between the two steps, the
 * next start does the second one.
 */
const GROW = `#!/bin/sh
# Enlarges the partition mounted at $1, and its ext4 filesystem, to the end of the disk. Needs sfdisk (Debian: fdisk),
# partx (util-linux) and resize2fs (e2fsprogs).
set -eu
export PATH="$PATH:/usr/sbin:/sbin"
mount=\${1:-/data}
node=$(readlink -f "$(findmnt -n -o SOURCE --mountpoint "$mount")")
sys=/sys/class/block/\${node##*/}
number=$(cat "$sys/partition")
disk=/dev/$(basename "$(readlink -f "$sys/..")")
end=$(($(cat "$sys/start") + $(cat "$sys/size")))
enlarge() { echo ', +' | sfdisk --quiet --no-reread --no-tell-kernel --force -N "$1" "$disk"; }
# A GPT needs 33 sectors at the end. Less than 1 MiB is not worth a change.
if [ "$(($(cat "\${sys}/../size") - end))" -gt 2081 ]; then
  # A logical partition can only grow inside of the extended one.
  outer=$(sfdisk --dump "$disk" | sed -n 's/^[^ ]*[^0-9 ]\\([0-9]\\{1,\\}\\) : .*type=[5f]$/\\1/p')
  if [ -n "$outer" ] && [ "$number" -gt 4 ]; then enlarge "$outer"; fi
  enlarge "$number"
  partx --update --nr "$number" "$disk"
fi
resize2fs "$node"
`;
