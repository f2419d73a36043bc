SUMMARY = "An Artifact for an update module, as a recipe of the user makes it"
LICENSE = "CLOSED"
inherit switchback-module-image
SWITCHBACK_MODULE_TYPE = "single-file"
SWITCHBACK_MODULE_FILES = "${B}/dest_dir ${B}/filename ${B}/permissions ${B}/app.conf"
do_compile() {
    printf '%s\n' /etc > ${B}/dest_dir
    printf '%s\n' app.conf > ${B}/filename
    printf '%s\n' 644 > ${B}/permissions
    printf 'colour = blue\n' > ${B}/app.conf
}
