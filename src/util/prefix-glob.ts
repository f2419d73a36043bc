/** Whether the only star of `glob` is at its end, so that a lookup can replace a match. */
export const isPrefixGlob = (glob: string): boolean => glob.indexOf("*") === glob.length - 1;
