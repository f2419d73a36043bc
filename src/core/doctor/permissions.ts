import type { FileFacts } from "../../ports/board-facts.ts";
import type { Finding } from "../../ports/finding.ts";

const OTHERS_WRITE = 0o002;
const OTHERS_USE = 0o077;

export interface Guarded {
  /** Files that control the device: configuration, trusted keys, and all programs that run as this user. */
  readonly trusted: readonly FileFacts[];
  /** Keys and tokens. */
  readonly secret: readonly FileFacts[];
}

/** Whether users other than root and `user`, who runs this, can take over the device or impersonate it. */
export function assessPermissions({ trusted, secret }: Guarded, user: number): readonly Finding[] {
  const found = [
    ...trusted.filter(({ mode }) => (mode & OTHERS_WRITE) !== 0).map(writable),
    ...[...trusted, ...secret].filter(({ owner }) => owner !== 0 && owner !== user).map(owned),
    ...secret.filter(({ mode }) => (mode & OTHERS_USE) !== 0).map(readable),
  ];
  if (found.length > 0) return found;
  const all = trusted.length + secret.length;
  return [{ level: "good", subject: "permissions", found: `no other user can change any of ${all} files and folders` }];
}

function writable({ path, mode }: FileFacts): Finding {
  const found = `every user of this device can write to it (mode ${octal(mode)})`;
  return { level: "note", subject: path, found, advice: `chmod o-w ${path}` };
}

function owned({ path, owner }: FileFacts): Finding {
  const found = `it belongs to user ${owner}, who can change it`;
  return { level: "note", subject: path, found, advice: `chown root ${path}` };
}

function readable({ path, mode }: FileFacts): Finding {
  const found = `it is secret, but other users can read it (mode ${octal(mode)})`;
  return {
    level: "note",
    subject: path,
    found,
    advice: `chmod 600 ${path}; replace the secret if others may have read it.`,
  };
}

const octal = (mode: number): string => mode.toString(8).padStart(4, "0");
