/**
 * Neither half a surrogate pair, which no encoding can write, nor what decoding puts in the place of bytes that are no
 * UTF-8: two texts that differ there would be the same one here.
 */
export const isSoundText = (text: string): boolean => !/\p{Cs}|\ufffd/u.test(text);
