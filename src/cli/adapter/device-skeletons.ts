import type { Skeletons } from "./skeleton.ts";

/** What `switchback adapter new device` writes. */
export const DEVICE_SKELETONS: Skeletons = { js: jsSkeleton, sh: shSkeleton };

function jsSkeleton(name: string): string {
  return `// Device adapter of ${name}. Fill in the three functions, then:
// switchback adapter check --kind device ./${name}.mjs

/** @type {import("switchback/ports").DeviceAdapter} */
export const adapter = {
  protocol: 1,
  kind: "device",
  name: "${name}",

  // context.slots.A and .B are RootfsPartA and RootfsPartB, whatever these name on this board. Write through
  // context.openStorage, context.files and context.run only.
  create(context) {
    return {
      // Bytes that the slot, "A" or "B", can hold. A larger image is refused before anything is written.
      async size(slot, signal) {
        throw unfilled("size");
      },

      // Write \`bytes\` bytes, which come as chunks of \`image\`, over the slot and over nothing else. Done only when
      // all of it survives a power cut. A chunk is yours until you ask for the next one.
      async write(slot, bytes, image, signal) {
        throw unfilled("write");
      },

      // Yield the first \`bytes\` bytes of the slot, in order, from the storage itself.
      async *read(slot, bytes, signal) {
        throw unfilled("read");
      },
    };
  },
};

const unfilled = (name) => Object.assign(new Error(\`fill in \${name}\`), { code: "UNFILLED" });
`;
}

function shSkeleton(name: string): string {
  return `#!/bin/sh
# Device adapter of ${name}. Fill in the three functions, then:
# switchback adapter check --kind device ./${name}.sh
# $SWITCHBACK_SLOT_A and $SWITCHBACK_SLOT_B are RootfsPartA and RootfsPartB, whatever these name on this board.
set -eu

fail() { # CODE TEXT...
	echo "error $*"
	exit 1
}

# Prints the bytes that the slot at $1 can hold. A larger image is refused before anything is written.
size() {
	fail UNFILLED size
}

# Writes $2 bytes from standard input over the slot at $1 and over nothing else. Done only when all of it survives a
# power cut.
write() {
	fail UNFILLED write
}

# Prints the first $2 bytes of the slot at $1, as they are, from the storage itself.
read_slot() {
	fail UNFILLED read >&2
}

slot=''
case \${2-} in
A) slot=$SWITCHBACK_SLOT_A ;;
B) slot=$SWITCHBACK_SLOT_B ;;
esac

case \${1-} in
hello)
	echo "switchback-adapter 1 device ${name}"
	;;
size)
	bytes=$(size "$slot") || { echo "$bytes"; exit 1; }
	echo "bytes $bytes"
	;;
write)
	write "$slot" "$3"
	;;
read)
	read_slot "$slot" "$3"
	exit
	;;
*)
	fail UNSUPPORTED "\${1-}"
	;;
esac
echo ok
`;
}
