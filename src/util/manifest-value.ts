/**
 * The value of a key in a file of `key=value` lines, as mender 3.4 reads it: blanks around a line do not count, nor do
 * lines that begin with `#`.
 *
 * @returns `undefined` when the key is missing, stands there twice, or another line is no `key=value`
 */
export function manifestValue(text: string, key: string): string | undefined {
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  if (!lines.every((line) => line.includes("="))) return undefined;
  const [value, ...more] = lines.flatMap((line) => (line.startsWith(`${key}=`) ? [line.slice(key.length + 1)] : []));
  return more.length === 0 ? value?.trim() : undefined;
}
