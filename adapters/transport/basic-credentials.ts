/** The value of `Authorization` for an address with a name and password; `undefined` for an address without them. */
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
