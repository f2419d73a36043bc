import type { ErrorEntry } from "./error-entry.ts";

/** What can go wrong between the device and its server. */
export const SERVER_ERRORS = {
  SERVER_NOT_CONFIGURED: {
    doc: "No server is configured: ServerURL in mender.conf is empty. 'switchback setup' writes it.",
  },
  SERVER_PLAIN_HTTP: {
    doc: "A server's address begins with http: and is none of this machine. Use https, or set Switchback.AllowPlainHttp in mender.conf.",
  },
  SERVER_STATUS: { retry: true, doc: "The server refused a request or could not answer it." },
  SERVER_ANSWER: { retry: true, doc: "The server's answer is not what the device API says." },
  SERVER_TIMEOUT: { retry: true, doc: "The server did not answer in time." },
  SERVER_LOG_TOO_LARGE: { doc: "The server takes no log of that size." },
  NOT_AUTHORIZED: {
    retry: true,
    doc: "No server has accepted the device. Somebody has to accept it there, if that has not been done.",
  },
  AUTHORIZATION_FAILED: {
    retry: true,
    doc: "No server has said whether it accepts the device: what answers is in trouble, or is no device server.",
  },
  SERVER_UNREACHABLE: { retry: true, doc: "No server can be reached, or none whose certificate is trusted." },
  DEVICE_KEY: {
    doc: "The device's private key cannot be used. It is replaced only on demand (--forcebootstrap): with another key the server takes the device for a new one.",
  },
  DEVICE_KEY_WRITE: { retry: true, doc: "The device's private key cannot be stored." },
  DAEMON_MISSING: {
    doc: "No daemon of this user runs on the datastore. 'switchback poll --now' asks the server without one.",
  },
  DAEMON_RUNNING: {
    doc: "A daemon speaks to the server for this datastore, and it alone. 'switchback check-update' makes it ask now; what has to speak itself needs it stopped.",
  },
  SETUP_LOGIN: { doc: "The server has not accepted user name and password." },
  SETUP_WRITE: { retry: true, doc: "A configuration file cannot be written." },
  IDENTITY_FAILED: { retry: true, doc: "The identity script did not say who the device is." },
  INVENTORY_FAILED: { retry: true, doc: "Every inventory script failed." },
} as const satisfies Record<string, ErrorEntry>;
