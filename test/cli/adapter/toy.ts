import { SKELETONS } from "../../../src/cli/adapter/skeletons.ts";

/** A user's code in the five functions of the module's skeleton, for the virtual board's boot loader. */
const FUNCTIONS: Readonly<Record<string, string>> = {
  booted: `const found = / root=(\\S+)/.exec(await text("/proc/cmdline"));
        return found?.[1] === context.slots.A ? "A" : "B";`,
  plan: `const found = await read();
        return { slot: found.get("mender_boot_part") === "2" ? "A" : "B", trial: found.get("upgrade_available") === "1" };`,
  arm: `await write({ ...point(slot), upgrade_available: "1", bootcount: "0" });`,
  confirm: `await write({ upgrade_available: "0" });`,
  revert: `await write({ ...point(slot), upgrade_available: "0" });`,
};

const HELPERS = `
    const env = \`\${context.root}/boot/env\`;
    const text = async (path) => new TextDecoder().decode(await context.files.read(context.root + path));
    const read = async () => new Map((await text("/boot/env")).trim().split("\\n").map((line) => line.split("=")));
    const store = (content) => context.files.replace(env, content);
    const write = async (pairs) => {
      const all = [...new Map([...(await read()), ...Object.entries(pairs)])];
      await store(all.map((pair) => \`\${pair.join("=")}\\n\`).join(""));
    };
    const point = (slot) => {
      const number = slot === "A" ? "2" : "3";
      return { mender_boot_part: number, mender_boot_part_hex: number };
    };
    return {`;

/** The completed skeleton, with some functions replaced. */
export function toyModule(changes: Readonly<Record<string, string>> = {}): string {
  let code = SKELETONS.bootloader.js("toy").replace("    return {", () => HELPERS);
  for (const [name, body] of Object.entries({ ...FUNCTIONS, ...changes })) {
    code = code.replace(`throw unfilled("${name}");`, () => body);
  }
  return code;
}

/** Gives the toy another `store`, which writes the whole environment. */
export function toyWithStore(body: string): string {
  return toyModule().replace("const store = (content) => context.files.replace(env, content);", () => body);
}
