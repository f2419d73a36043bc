/** What people choose most. What these become by changing a letter for a digit, or by digits behind them, is as weak. */
const COMMON = new Set(
  [
    "password passw0rd passwort motdepasse contrasena letmein welcome iloveyou princess sunshine football baseball",
    "superman batman dragon monkey master shadow michael jennifer jordan hunter trustno access whatever starwars",
    "computer internet security secret default changeme administrator admin root mender switchback raspberry qwerty",
    "qwertyuiop qwertzuiop azertyuiop asdfghjkl asdfasdf zxcvbnm qazwsx qazwsxedc qwerasdf abcdefgh abcdefghij",
    "abcd1234 test testtest tester guest user username login hello helloworld freedom charlie donald ashley bailey",
    "mustang corvette ferrari mercedes porsche yamaha samsung nintendo pokemon liverpool chelsea arsenal barcelona",
    "correcthorsebatterystaple opensesame mypassword newpassword temppassword yourpassword thepassword nopassword",
  ]
    .join(" ")
    .split(" "),
);

const LETTERS: Readonly<Record<string, string>> = {
  "0": "o",
  "1": "i",
  "3": "e",
  "4": "a",
  "5": "s",
  "7": "t",
  "@": "a",
  $: "s",
  "!": "i",
};

/** What a password becomes without what people add to a common word. */
const plain = (text: string): string => text.replace(/[^a-z0-9]+$|^[^a-z0-9]+/g, "");
const asLetters = (text: string): string => text.replace(/[013457@$!]/g, (sign) => LETTERS[sign] ?? sign);

/**
 * Why a password is too easy to guess. `undefined`: it is not.
 *
 * @param email of whom it is for: a guess begins with what is known
 */
export function weaknessOf(password: string, email: string): string | undefined {
  const text = password.normalize("NFKC").toLowerCase();
  const characters = [...text];
  if (characters.length < 8) return "the password has fewer than eight characters";
  if (new Set(characters).size < 4) return "the password has fewer than four different characters";
  if (isRun(characters)) return "the password is a row of characters that follow each other";
  const words = [text, plain(text), plain(text).replace(/\d+$/, "")].flatMap((word) => [word, asLetters(word)]);
  if (words.some((word) => COMMON.has(word))) return "the password is too common";
  const [name = "", domain = ""] = email.toLowerCase().split("@");
  const known = [email.toLowerCase(), name, domain, domain.split(".")[0] ?? ""].filter((part) => part.length >= 3);
  if (known.some((part) => words.includes(part))) return "the password is the email address or a part of it";
  return undefined;
}

/** Whether each character follows the one before it, up or down: 12345678, hgfedcba. */
function isRun(characters: readonly string[]): boolean {
  const steps = characters.slice(1).map((one, n) => (one.codePointAt(0) ?? 0) - (characters[n]?.codePointAt(0) ?? 0));
  const wraps = (step: number): boolean => step === 1 || step === -9;
  return steps.every(wraps) || steps.every((step) => step === -1 || step === 9);
}
