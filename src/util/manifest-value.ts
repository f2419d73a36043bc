/**
 * The value of a key in a file of `key=value` lines, as mender 3.4 reads it: it ignores whitespace around a line, and
 * lines that begin with `#`.
 *
 * @returns `undefined` if the key is missing or occurs twice, or if another line is not `key=value`
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
