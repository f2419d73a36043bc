/** Recipe of the example image, in the layer. */
export const IMAGE_RECIPE = "recipes-switchback/images/switchback-example-image.bb";

/** The machines that the layer knows, and the repository that brings each, unless it is one of those always given. */
export const MACHINES = {
  "qemux86-64": undefined,
  "vexpress-qemu": undefined,
  "beaglebone-yocto": "meta-yocto",
  raspberrypi3: "meta-raspberrypi",
  raspberrypi4: "meta-raspberrypi",
} as const;
