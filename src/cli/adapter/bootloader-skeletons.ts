import type { Skeletons } from "./skeleton.ts";

/** What `switchback adapter new bootloader` writes. */
export const BOOTLOADER_SKELETONS: Skeletons = { js: jsSkeleton, sh: shSkeleton };

function jsSkeleton(name: string): string {
  return `// Boot loader adapter of ${name}. Fill in the five functions, then: switchback adapter check ./${name}.mjs

/** @type {import("switchback/ports").BootloaderAdapter} */
export const adapter = {
  protocol: 1,
  kind: "bootloader",
  name: "${name}",

  // context.root stands before every absolute path: empty on a device, a sandbox's folder in the check.
  // context.slots.A and .B are RootfsPartA and RootfsPartB. Write through context.files and context.run only.
  create(context) {
    return {
      // The slot that this kernel runs from, "A" or "B": ask the kernel (/proc/cmdline), not the boot environment.
      async booted(signal) {
        throw unfilled("booted");
      },

      // What the next power-on boots: { slot: "A", trial: false }. trial: the boot loader falls back to the other
      // slot unless confirm comes first. A trial that runs is still one: name its slot until confirm or revert comes.
      // After the boot loader has fallen back, say so; repair nothing.
      async plan(signal) {
        throw unfilled("plan");
      },

      // Boot \`slot\` once, on trial, with its boot counter at its beginning. One atomic, durable change.
      async arm(slot, signal) {
        throw unfilled("arm");
      },

      // Keep the planned slot for good: end the trial, and stop its counter. One atomic, durable change.
      async confirm(signal) {
        throw unfilled("confirm");
      },

      // Boot \`slot\` from now on, without a trial. One atomic, durable change.
      async revert(slot, signal) {
        throw unfilled("revert");
      },
    };
  },
};

const unfilled = (name) => Object.assign(new Error(\`fill in \${name}\`), { code: "UNFILLED" });
`;
}

function shSkeleton(name: string): string {
  return `#!/bin/sh
# Boot loader adapter of ${name}. Fill in the five functions, then: switchback adapter check ./${name}.sh
# $SWITCHBACK_ROOT stands before every absolute path: empty on a device, a sandbox's folder in the check.
# $SWITCHBACK_SLOT_A and $SWITCHBACK_SLOT_B are RootfsPartA and RootfsPartB.
set -eu

fail() { # CODE TEXT...
	echo "error $*"
	exit 1
}

# Prints the slot that this kernel runs from, A or B: ask the kernel ($SWITCHBACK_ROOT/proc/cmdline), not the boot
# environment.
booted() {
	fail UNFILLED booted
}

# Sets \`slot\` to what the next power-on boots, and \`trial\` to yes when the boot loader falls back to the other slot
# unless confirm comes first. A trial that runs is still one: name its slot until confirm or revert comes. After the
# boot loader has fallen back, say so; repair nothing.
plan() {
	fail UNFILLED plan
}

# Boots slot $1 once, on trial, with its boot counter at its beginning. One atomic, durable change.
arm() {
	fail UNFILLED arm
}

# Keeps the planned slot for good: ends the trial, and stops its counter. One atomic, durable change.
confirm() {
	fail UNFILLED confirm
}

# Boots slot $1 from now on, without a trial. One atomic, durable change.
revert() {
	fail UNFILLED revert
}

case \${1-} in
hello)
	echo "switchback-adapter 1 bootloader ${name}"
	;;
booted)
	slot=$(booted) || { echo "$slot"; exit 1; }
	echo "slot $slot"
	;;
plan)
	slot=''
	trial=no
	plan
	echo "slot $slot"
	echo "trial $trial"
	;;
arm | revert)
	"$1" "\${2:?slot}"
	;;
confirm)
	confirm
	;;
*)
	fail UNSUPPORTED "\${1-}"
	;;
esac
echo ok
`;
}
