# Gives the variables of the build to `switchback yocto`. Other classes inherit this one.

_SWITCHBACK_WORK = "${WORKDIR}/switchback"
_SWITCHBACK_VARIABLES = "${_SWITCHBACK_WORK}/variables.json"
MENDER_DATA_PART_MOUNT_LOCATION ??= "/data"

# What `switchback yocto` runs, and Node, with which it runs.
_SWITCHBACK_DEPENDS = "\
    switchback-native:do_populate_sysroot \
    nodejs-native:do_populate_sysroot \
    e2fsprogs-native:do_populate_sysroot \
    dosfstools-native:do_populate_sysroot \
    mtools-native:do_populate_sysroot \
"

python switchback_write_variables() {
    switchback.variables.write(d, d.getVar('_SWITCHBACK_VARIABLES'))
}

# Runs a verb, and shows its warnings in BitBake's own way.
switchback_yocto() {
    verb=$1
    shift
    mkdir -p ${_SWITCHBACK_WORK}/bin
    # They are one program, but a build host may have only one of its names in the PATH.
    if ! command -v mke2fs > /dev/null 2>&1 && command -v mkfs.ext4 > /dev/null 2>&1; then
        ln -sf "$(command -v mkfs.ext4)" ${_SWITCHBACK_WORK}/bin/mke2fs
    fi
    said=${_SWITCHBACK_WORK}/$verb.$$
    if ! PATH="${STAGING_BINDIR_NATIVE}:$PATH:${_SWITCHBACK_WORK}/bin" \
        ${STAGING_BINDIR_NATIVE}/switchback yocto "$verb" --variables ${_SWITCHBACK_VARIABLES} "$@" > "$said" 2> "$said.err"; then
        cat "$said"
        bbfatal_log "$(cat "$said.err")"
    fi
    cat "$said.err"
    while read -r line; do
        case $line in
        WARNING:*)
            if [ "${remarks-}" = quiet ]; then
                bbnote "${line#WARNING: }"
            else
                bbwarn "${line#WARNING: }"
            fi
            ;;
        *) bbnote "$line" ;;
        esac
    done < "$said"
    rm -f "$said" "$said.err"
}
