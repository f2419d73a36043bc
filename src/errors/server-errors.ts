import type { ErrorEntry } from "./error-entry.ts";

/** Failures between the device and its server. */
export const SERVER_ERRORS = {
  SERVER_NOT_CONFIGURED: {
    doc: "No server is configured: ServerURL in mender.conf is empty. 'switchback setup' writes it.",
  },
  SERVER_PLAIN_HTTP: {
    doc: "A server's address begins with http: and is not on this machine. Use https, or set Switchback.AllowPlainHttp in mender.conf.",
  },
  SERVER_STATUS: { retry: true, doc: "The server refused a request or could not answer it." },
  SERVER_ANSWER: { retry: true, doc: "The server's answer does not follow the device API." },
  SERVER_TIMEOUT: { retry: true, doc: "The server did not answer in time." },
  SERVER_LOG_TOO_LARGE: { doc: "The server does not accept a log of that size." },
  NOT_AUTHORIZED: {
    retry: true,
    doc: "No server has accepted the device. If it is pending, accept it on the server.",
  },
  AUTHORIZATION_FAILED: {
    retry: true,
    doc: "No server has said whether it accepts the device: it reported a problem, or it is not a device server.",
  },
  SERVER_UNREACHABLE: { retry: true, doc: "No server can be reached, or none has a trusted certificate." },
  DEVICE_KEY: {
    doc: "Cannot use the device's private key. The agent replaces it only on request (--forcebootstrap), because the server takes a device with another key for a new one.",
  },
  DEVICE_KEY_WRITE: { retry: true, doc: "Cannot store the device's private key." },
  DAEMON_MISSING: {
    doc: "No daemon of this user runs on the datastore. 'switchback poll --now' contacts the server without one.",
  },
  DAEMON_RUNNING: {
    doc: "A daemon runs on this datastore, and no other process may contact the server. Use 'switchback check-update' to make the daemon poll now, or stop the daemon to run this command.",
  },
  SETUP_LOGIN: { doc: "The server did not accept the user name and the password." },
  SETUP_WRITE: { retry: true, doc: "Cannot write a configuration file." },
  IDENTITY_FAILED: { retry: true, doc: "The identity script failed or printed no valid identity." },
  INVENTORY_FAILED: { retry: true, doc: "Every inventory script failed." },
} as const satisfies Record<string, ErrorEntry>;
