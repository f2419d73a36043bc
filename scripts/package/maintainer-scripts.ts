import { readFile } from "node:fs/promises";
import { preinst } from "./preinst.ts";

const FOLDER = "scripts/package/debian";

/** The maintainer scripts of the device's package, by name. Each is complete: dpkg gives it no file beside it. */
export async function maintainerScripts(): Promise<Readonly<Record<string, string>>> {
  const textOf = (name: string): Promise<string> => readFile(`${FOLDER}/${name}`, "utf8");
  const functions = (await textOf("update-guard")).replace(/^#!.*\n/, "").trimEnd();
  const guarded = async (name: string): Promise<string> => {
    const [before, after, ...more] = (await textOf(name)).split("\n# update-guard\n");
    if (after === undefined || more.length > 0) throw new Error(`${name} needs one line "# update-guard"`);
    return `${before}\n${functions}\n${after}`;
  };
  return {
    preinst: await preinst(functions),
    postinst: await guarded("postinst"),
    prerm: await guarded("prerm"),
    postrm: await textOf("postrm"),
  };
}
