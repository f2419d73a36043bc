import { ARTIFACT } from "./artifact.ts";
import { BOOT } from "./boot.ts";
import { BITBAKE, FOREIGN } from "./foreign.ts";
import { STORAGE } from "./storage.ts";
import type { Variable } from "./variable.ts";

/**
 * Every variable that the layer knows. `npm run docs` writes the reference page and the list in the layer from it, so a
 * new variable needs a row here and nothing else.
 */
export const VARIABLES: readonly Variable[] = [...STORAGE, ...BOOT, ...ARTIFACT, ...BITBAKE, ...FOREIGN];

const BY_NAME: ReadonlyMap<string, Variable> = new Map(VARIABLES.map((variable) => [variable.name, variable]));

/** A default of a known variable (`NAME_DEFAULT`) is known, too. */
export const variableNamed = (name: string): Variable | undefined =>
  BY_NAME.get(name) ?? BY_NAME.get(name.replace(/_DEFAULT$/, ""));
