#!/bin/sh
# Installs Switchback from the folder of this script. Run it again to upgrade.
#
#   ./install.sh           the agent, its units and its update modules
#   ./install.sh --tools   the tools of a build host, and no agent
#
# PREFIX (default /usr/local) is where the program goes. DESTDIR comes before every path, for the root filesystem of an
# image. NODE is the Node that is checked (default: node in the PATH); with DESTDIR nothing is checked.
set -eu

case ${1-} in
'') name=switchback commands='switchback mender mender-update mender-auth mender-setup mender-snapshot' ;;
--tools) name=switchback-tools commands='mender-artifact switchback-artifact switchback-image switchback-qemu' ;;
*)
  sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
  exit 2
  ;;
esac
prefix=${PREFIX-/usr/local}
root=${DESTDIR-}
here=$(cd "$(dirname "$0")" && pwd)

if [ -z "$root" ]; then
  version=$("${NODE-node}" -p 'process.versions.node' 2>/dev/null) || version=none
  "${NODE-node}" -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' \
    2>/dev/null || {
    echo "install.sh: Switchback needs Node 20.19 or newer in the PATH, and finds: $version. Nothing was installed." >&2
    exit 1
  }
fi

# A running program finds its old chunks until the new program is complete.
umask 022
lib=$root$prefix/lib/$name
mkdir -p "$lib/chunks" "$root$prefix/bin"
cp "$here/lib/$name/chunks/"* "$lib/chunks/"
for program in "$here/lib/$name/"*.mjs; do
  cp "$program" "$lib/${program##*/}.new"
  mv "$lib/${program##*/}.new" "$lib/${program##*/}"
done
for chunk in "$lib/chunks/"*; do
  [ -e "$here/lib/$name/chunks/${chunk##*/}" ] || rm "$chunk"
done
for command in $commands; do
  program=switchback.mjs
  if [ "$command" = switchback-qemu ]; then program=switchback-qemu.mjs; fi
  ln -sf "../lib/$name/$program" "$root$prefix/bin/$command"
done
if [ -d "$here/share" ]; then
  mkdir -p "$root$prefix/share"
  cp -R "$here/share/$name/." "$root$prefix/share/"
fi
[ "$name" = switchback ] || exit 0

# systemd looks for programs without a path in these two prefixes only.
units=$root$prefix/lib/systemd/system
mkdir -p "$units"
for unit in "$here/systemd/"*; do
  case $prefix in
  /usr | /usr/local) cp "$unit" "$units/" ;;
  *) sed "/^ExecStart=/s#switchback \(poll\|daemon\|resume\)#$prefix/bin/&#" "$unit" >"$units/${unit##*/}" ;;
  esac
done

# The agent looks here, whatever the prefix. A file of yours stays.
for script in identity/mender-device-identity $(cd "$here" && echo modules/v3/*); do
  place=$root/usr/share/mender/$script
  if [ -e "$place" ] || [ -L "$place" ]; then continue; fi
  mkdir -p "${place%/*}"
  cp "$here/$script" "$place"
done

if [ -z "$root" ] && [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  systemctl enable switchback-resume.service switchback.service
fi
echo "Installed in $prefix. Next: switchback setup, then switchback doctor."
