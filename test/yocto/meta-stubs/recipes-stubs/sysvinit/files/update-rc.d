#!/bin/sh
# `update-rc.d -r DIR NAME defaults NN` for the image of a tiny build: links the script of a service into its run levels.
# Debian's own knows no other root folder.
set -eu
[ "${1-}" = -r ] && [ "${4-}" = defaults ] || exit 0
root=$2 name=$3 number=$5
for level in 0 1 2 3 4 5 6; do
  case $level in
  [2-5]) kind=S ;;
  *) kind=K ;;
  esac
  mkdir -p "$root/etc/rc$level.d"
  ln -sf "../init.d/$name" "$root/etc/rc$level.d/$kind$number$name"
done
