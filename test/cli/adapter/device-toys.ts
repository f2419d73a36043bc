import { SKELETONS } from "../../../src/cli/adapter/skeletons.ts";

/** A user's code in the skeleton of a module, for slots that are files or block devices. */
const FUNCTIONS: Readonly<Record<string, string>> = {
  size: `const storage = await context.openStorage(context.slots[slot], "read");
        await storage.close();
        return storage.sizeBytes;`,
  write: `const storage = await context.openStorage(context.slots[slot], "write");
        try {
          let at = 0;
          for await (const chunk of image)
            for (let done = 0; done < chunk.length; ) {
              const count = await storage.write(chunk.subarray(done), at);
              done += count;
              at += count;
            }
          await storage.sync();
        } finally {
          await storage.close();
        }`,
  read: `const storage = await context.openStorage(context.slots[slot], "read");
        try {
          for (let at = 0; at < bytes; ) {
            const chunk = new Uint8Array(Math.min(65536, bytes - at));
            const count = await storage.read(chunk, at);
            if (count === 0) return;
            yield chunk.subarray(0, count);
            at += count;
          }
        } finally {
          await storage.close();
        }`,
};

/** A user's code in the skeleton of a program. */
const SHELL: Readonly<Record<string, string>> = {
  size: `stat -c %s "$1"`,
  write: `dd of="$1" bs=64k iflag=fullblock conv=notrunc,fsync status=none || fail SLOT_IO "$1"`,
  read: `head -c "$2" "$1"`,
};

/** The completed skeleton, with a mistake. */
export function deviceModule(from = "", to = ""): string {
  let code = SKELETONS.device.js("toy");
  for (const [name, body] of Object.entries(FUNCTIONS)) code = code.replace(`throw unfilled("${name}");`, () => body);
  return spoiled(code, from, to);
}

export function deviceProgram(from = "", to = ""): string {
  let code = SKELETONS.device.sh("toy");
  for (const [name, body] of Object.entries(SHELL)) {
    code = code.replace(new RegExp(`fail UNFILLED ${name}( >&2)?\n`), () => `${body}\n`);
  }
  return spoiled(code, from, to);
}

function spoiled(code: string, from: string, to: string): string {
  if (!code.includes(from)) throw new Error(`the toy has no ${from}`);
  return code.replace(from, () => to);
}
