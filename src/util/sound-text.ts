/**
 * Whether the text has no lone surrogates, which no encoding can write, and no U+FFFD, which replaces invalid UTF-8:
 * two different texts would become equal.
 */
export const isSoundText = (text: string): boolean => !/\p{Cs}|\ufffd/u.test(text);
