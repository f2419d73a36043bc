import type { Skeletons } from "./skeleton.ts";

/** What `switchback adapter new payload` writes: a module, or in shell an update module. */
export const PAYLOAD_SKELETONS: Skeletons = { js: jsSkeleton, sh: shSkeleton };

function jsSkeleton(name: string): string {
  return `// Payload adapter of ${name}. Fill in the functions, then: switchback adapter check --kind payload ./${name}.mjs

/** @type {import("switchback/ports").PayloadAdapter} */
export const adapter = {
  protocol: 1,
  kind: "payload",
  name: "${name}",

  // context.folder is empty when an update begins and is removed after Cleanup: what must outlive a restart goes there.
  // context.root stands before every other absolute path. Write through context.files and context.run only.
  create(context) {
    return {
      // Store the payload and install nothing: for each file of payload.next(), until that gives undefined, take
      // file.name, and file.read(buffer) until it gives 0. Let what these throw pass: a checksum is known at the end.
      async download(payload, signal) {
        throw unfilled("download");
      },

      // Do what the state asks for, or nothing. Each may be repeated after a power cut, in another process.
      async act(action, signal) {
        switch (action) {
          case "ArtifactInstall": // Put the new in place. Keep the way back, durably, before anything is changed.
            throw unfilled("act");
            break;
          case "ArtifactRollback": // Bring back what was there before ArtifactInstall, however far that has come.
            throw unfilled("act");
            break;
        }
      },

      // "No", "Automatic" (the agent reboots after ArtifactInstall) or "Yes" (ArtifactReboot does it).
      async needsReboot(signal) {
        throw unfilled("needsReboot");
      },

      // Whether ArtifactRollback brings back what was there before: true or false.
      async supportsRollback(signal) {
        throw unfilled("supportsRollback");
      },
    };
  },
};

const unfilled = (name) => Object.assign(new Error(\`fill in \${name}\`), { code: "UNFILLED" });
`;
}

function shSkeleton(name: string): string {
  return `#!/bin/sh
# Update module ${name}: installs payloads of the type that it is named after, once it lies in
# /usr/share/mender/modules/v3 without the ending. Called as: ${name} STATE FILE-TREE
# Check it: switchback adapter check --kind payload ./${name}.sh
set -eu
# Stands before every absolute path: the sandbox in a check, nothing on a board.
root=\${SWITCHBACK_ROOT:-}

unfilled() {
	echo "fill in $1" >&2
	exit 1
}

cd "$2"
case $1 in
ArtifactInstall) # files/ holds the payload. Keep the way back in tmp/, durably, before anything is changed.
	unfilled ArtifactInstall
	;;
ArtifactRollback) # Bring back what was there before, however far ArtifactInstall has come.
	unfilled ArtifactRollback
	;;
SupportsRollback) # Yes or No
	unfilled SupportsRollback
	;;
NeedsArtifactReboot) # No, Yes (ArtifactReboot does it) or Automatic (the agent reboots)
	unfilled NeedsArtifactReboot
	;;
esac
`;
}
