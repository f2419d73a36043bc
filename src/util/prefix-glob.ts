/** Whether the only star of `glob` is at its end, so that a look-up can replace a match. */
export const isPrefixGlob = (glob: string): boolean => glob.indexOf("*") === glob.length - 1;
