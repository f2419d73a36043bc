#!/bin/sh
# Stands in for Mender's grub-mender-grubenv-print and grub-mender-grubenv-set, which Debian does not have. What they
# do, in which order, and what they exit with is written down here a second time, over the real grub-editenv.
# The environment is in $GRUBENV_DIR. With STOP_AFTER=N it ends after its N-th change of a file, as by a power cut.
set -eu

acts=0
act() { # FILE COMMAND...
	file=$1
	shift
	"$@"
	sync "$file"
	acts=$((acts + 1))
	[ "$acts" != "${STOP_AFTER:-}" ] || exit 9
}

place() { # COPY
	echo "$GRUBENV_DIR/mender_grubenv$1"
}

is_valid() { # COPY
	(cd "$(place "$1")" && sha256sum --status --check lock.sha256sum)
}

set_lock() { # COPY VALUE
	act "$(place "$1")/lock" grub-editenv "$(place "$1")/lock" set "editing=$2"
}

restore() { # COPY OTHER
	act "$(place "$1")/env" dd if="$(place "$2")/env" of="$(place "$1")/env" conv=notrunc status=none
	act "$(place "$1")/lock" grub-editenv "$(place "$1")/lock" create
	set_lock "$1" 0
	is_valid "$1" || {
		echo "Unable to restore environment $1." >&2
		exit 2
	}
}

change() { # COPY NAME=VALUE...
	copy=$1
	shift
	set_lock "$copy" 1
	act "$(place "$copy")/env" grub-editenv "$(place "$copy")/env" set "$@"
	set_lock "$copy" 0
	is_valid "$copy" || exit 2
}

[ -d "$(place 1)" ] || {
	echo "Cannot determine environment directory." >&2
	exit 2
}
exec 9>"$GRUBENV_DIR/tool.lock"
flock -w 1 9 || {
	echo "ERROR: can't acquire flock()." >&2
	exit 1
}

case $0 in
*-set)
	# The first blanks of a line are an equals sign, also behind one.
	pairs=$(if [ "$1" = -s ]; then cat; else echo "$*"; fi | sed -e '/^#/d' -e 's/  */=/' -e '/=/!s/$/=/')
	;;
esac

if ! is_valid 2; then
	restore 2 1
elif ! is_valid 1; then
	restore 1 2
fi

case $0 in
*-set)
	IFS='
'
	for copy in 2 1; do
		# shellcheck disable=SC2086 # a word a line
		change "$copy" $pairs
	done
	;;
*)
	all=$(grub-editenv "$(place 1)/env" list)
	if [ $# = 0 ]; then
		echo "$all"
	else
		for name in "$@"; do
			echo "$name=$(echo "$all" | sed -n "s/^$name=//p")"
		done
	fi
	;;
esac
