#!/bin/sh
# Answers as fw_printenv (print) and fw_setenv (set) of u-boot-tools 2023.01 do, as recorded from a build of it, over
# the environment of libubootenv's: a missing variable is an error, also beside others that are printed, and a script
# may have blanks or an equals sign behind a name.
set -eu
what=$1
config=$3
shift 3

if [ "$what" = set ]; then
	sed 's/^\([^= ]*\)[= ] */\1=/' | fw_setenv -c "$config" "$@"
	exit 0
fi

all=$(fw_printenv -c "$config")
if [ $# = 0 ]; then
	echo "$all"
	exit 0
fi
status=0
for name in "$@"; do
	echo "$all" | grep "^$name=" || {
		echo "## Error: \"$name\" not defined" >&2
		status=1
	}
done
exit $status
