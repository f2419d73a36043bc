const KEY = /^[A-Za-z0-9_-]+(?:\/[A-Za-z0-9_-]+)*$/;

/** The key, if it is one. The server makes all keys, so that another one is a bug. */
export function checkedKey(key: string): string {
  if (!KEY.test(key)) throw new TypeError(`not a key: ${key}`);
  return key;
}
