import type { Remedies } from "./section.ts";

export const NETWORK = {
  SOURCE_OPEN: "Check the path or the address. An address must begin with `http://` or `https://`.",
  SOURCE_STATUS:
    "`status` is the answer. After 403 or 404, check the address: links of a server expire. After 5xx, try again later.",
  DOWNLOAD_BROKEN:
    "`byte` shows how far the download got, and the cause says why it stopped. Check the network, and start the update " +
    "again. For a poor connection, increase `RetryDownloadCount`.",
  DOWNLOAD_CHANGED: "Start the update again. Do not replace a file under the same address while devices download it.",
  DOWNLOAD_RANGE:
    "`reason` shows the answer. Correct the server or the caching proxy: it does not follow RFC 9110, Range.",
  TRANSPORT_PROXY:
    "`status` is the answer of the proxy. Check `http_proxy`, `https_proxy` and `no_proxy`, with user name and password.",
  TRANSPORT_ADDRESS:
    "Check the address. If `refused` is set, the server redirects from https to http; if " +
    "`redirects` is set, the redirects never end. Correct the server.",
  TRANSPORT_FAILED: "The cause names the error. Check the network, the name server, the port and the certificates.",
  TLS_NO_TRUST: "Install the package ca-certificates, or set `ServerCertificate` to a PEM file.",
} satisfies Remedies;

export const SERVER = {
  SERVER_NOT_CONFIGURED: "Run `switchback setup --server-url URL`, or set `ServerURL` in `mender.conf`.",
  SERVER_PLAIN_HTTP:
    "Use an `https:` address. Set `Switchback.AllowPlainHttp` only in a network that you trust: without TLS, others can " +
    "read the token of the device.",
  SERVER_STATUS:
    "`request`, `status` and `reason` show what the server answered. The daemon tries again. If the error stays, look " +
    "into the log of the server.",
  SERVER_ANSWER:
    "Check that `ServerURL` names a server with Mender's device API, and that no proxy or login page answers instead.",
  SERVER_TIMEOUT: "The daemon tries again. Check the network and the load of the server.",
  SERVER_LOG_TOO_LARGE:
    "`bytes` is the size of the log. Increase the limit for requests at the server or at its reverse proxy. The log " +
    "stays on the device, in `UpdateLogPath`.",
  NOT_AUTHORIZED:
    "Accept the device on the server. If it is not listed there, check `TenantToken` and the identity script.",
  AUTHORIZATION_FAILED:
    "Check that `ServerURL` names a device server. Look at the cause and into the log of the server.",
  SERVER_UNREACHABLE:
    "Run `switchback doctor`: it checks the address, the certificate and the clock. Set `ServerCertificate` if the " +
    "server has a certificate of your own authority.",
  DEVICE_KEY:
    "Restore the key from a backup, or pass its passphrase with `--passphrase-file`. To create a new one, run " +
    "`switchback bootstrap --forcebootstrap` and accept the device again on the server. The agent never replaces a key " +
    "that `Security.AuthPrivateKey` names.",
  DEVICE_KEY_WRITE: "Check that the datastore is writable and has free space.",
  DAEMON_MISSING:
    "Start the daemon, or run the command as the user of the daemon and with the same `--datastore`. `switchback poll " +
    "--now` needs no daemon.",
  DAEMON_RUNNING: "Run `switchback check-update`. To run the command itself, stop the daemon first; `pid` shows it.",
  SETUP_LOGIN: "Check `--username` and `--password`, and that `--server-url` names the right server.",
  SETUP_WRITE: "Run the command as root, and check that the filesystem of the file in `path` is writable.",
  IDENTITY_FAILED:
    "Run the script that `script` names. It must print lines `key=value` in UTF-8 and end with exit status 0. `line` " +
    "shows a line that is not valid.",
  INVENTORY_FAILED:
    "The log names each script that failed. Run the scripts in the folder that `folder` shows by hand: at least one " +
    "must print lines `key=value` and end with exit status 0.",
} satisfies Remedies;
