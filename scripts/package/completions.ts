import { bashCompletion } from "./completion-bash.ts";
import { fishCompletion } from "./completion-fish.ts";
import { completionTable } from "./completion-table.ts";
import { zshCompletion } from "./completion-zsh.ts";

/** A generated file, with its absolute path on the machine that gets the package. */
export interface GeneratedFile {
  readonly path: string;
  readonly content: string;
}

/**
 * Completions of the given programs for bash, zsh and fish, in the folders where Debian's shells look for them. Made
 * from the commands' own help: the same commands give the same bytes.
 *
 * @param names under which the program is installed, such as `switchback` and `mender-artifact`
 */
export async function completionFiles(names: readonly string[]): Promise<readonly GeneratedFile[]> {
  const files = await Promise.all(
    names.map(async (name) => {
      const table = await completionTable(name);
      return [
        { path: `/usr/share/bash-completion/completions/${name}`, content: bashCompletion(name, table) },
        { path: `/usr/share/zsh/vendor-completions/_${name}`, content: zshCompletion(name, table) },
        { path: `/usr/share/fish/vendor_completions.d/${name}.fish`, content: fishCompletion(name, table) },
      ];
    }),
  );
  return files.flat();
}
