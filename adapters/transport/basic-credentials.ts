/** Name and password of an address as `Authorization` has them; `undefined` where it names nobody. */
export function basicCredentials({ username, password }: URL): string | undefined {
  if (username === "" && password === "") return undefined;
  return `Basic ${Buffer.from(`${decoded(username)}:${decoded(password)}`).toString("base64")}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // ignored: a lone % is a character of the password.
    return text;
  }
}
