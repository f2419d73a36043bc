SUMMARY = "A small image with Switchback, as an Artifact and as the image of a disk"
LICENSE = "Apache-2.0"

inherit core-image switchback-image

IMAGE_INSTALL = "packagegroup-core-boot switchback ${CORE_IMAGE_EXTRA_INSTALL}"
IMAGE_LINGUAS = ""
