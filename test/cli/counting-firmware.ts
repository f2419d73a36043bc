/** A boot loader that counts down at every start, until its counter is removed. */
export const COUNTING = `#!/bin/sh
set -eu
state=$SWITCHBACK_ROOT/boot/state
cmdline=$SWITCHBACK_ROOT/proc/cmdline
case $1 in
factory)
	mkdir -p "$SWITCHBACK_ROOT/boot" "$SWITCHBACK_ROOT/proc"
	echo "A -" >"$state"
	;;
power-on)
	read -r slot tries <"$state"
	fate() { if [ "$1" = A ]; then echo "$2"; else echo "$3"; fi; }
	while :; do
		case $tries in
		-) ;;
		0) if [ "$slot" = A ]; then slot=B; else slot=A; fi; tries=- ;;
		*) tries=$((tries - 1)) ;;
		esac
		echo "$slot $tries" >"$state"
		case $(fate "$slot" "$2" "$3") in
		up) eval echo "root=\\$SWITCHBACK_SLOT_$slot" >"$cmdline"; echo "slot $slot"; break ;;
		hangs) echo "slot none"; break ;;
		esac
		[ "$tries" != - ] || { echo "slot none"; break; }
	done
	;;
esac
echo ok
`;

/** The adapter of this boot loader. */
export const FOR_COUNTING = `#!/bin/sh
set -eu
state=$SWITCHBACK_ROOT/boot/state
store() {
	echo "$1" >"$state.new" && sync "$state.new" && mv "$state.new" "$state" && sync "\${state%/*}" ||
		{ echo "error BOOTENV_WRITE $state"; exit 1; }
}
case $1 in
hello) echo "switchback-adapter 1 bootloader counting" ;;
booted) read -r cmdline <"$SWITCHBACK_ROOT/proc/cmdline"; [ "$cmdline" = "root=$SWITCHBACK_SLOT_A" ] && echo "slot A" || echo "slot B" ;;
plan) read -r slot tries <"$state"; echo "slot $slot"; [ "$tries" = - ] && echo "trial no" || echo "trial yes" ;;
arm) store "$2 1" ;;
confirm) read -r slot tries <"$state"; store "$slot -" ;;
revert) store "$2 -" ;;
*) echo "error UNSUPPORTED"; exit 1 ;;
esac
echo ok
`;
