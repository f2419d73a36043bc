import type { Plugin } from "esbuild";

/** Files of packages that the server never reaches, by what stands in their place. */
const REPLACED: readonly (readonly [path: RegExp, contents: string])[] = [
  // Sentences of zod in fifty languages. Only the English ones are its default.
  [/\/zod\/v4\/locales\/index\.js$/, 'export { default as en } from "./en.js";'],
  // @fastify/swagger can print YAML. The server prints JSON.
  [/\/yaml\/dist\/index\.js$/, "module.exports = {};"],
  // TLS, PKCS#7, PKCS#12 and SSH in JavaScript. The server takes certificates only from node-forge.
  [/\/node-forge\/lib\/(?:tls|pkcs7|ssh|kem|ed25519|aesCipherSuites)\.js$/, "module.exports = {};"],
];

/** What people log in with at a desk, and what tells browsers apart: neither is on a server. */
const ABSENT = /^(?:@aws-sdk\/(?:credential-provider-sso|credential-provider-login|token-providers)|bowser)$/;

/** Leaves out of the server's bundle what would take half a megabyte and is never called. */
export const leanServer: Plugin = {
  name: "lean-server",
  setup({ onResolve, onLoad }) {
    for (const [filter, contents] of REPLACED) onLoad({ filter }, () => ({ contents }));
    onResolve({ filter: ABSENT }, ({ path }) => ({ path, namespace: "absent" }));
    onLoad({ filter: /.*/, namespace: "absent" }, ({ path }) => ({
      contents: `module.exports = new Proxy({}, { get() { throw new Error("not in the bundle: ${path}"); } });`,
    }));
  },
};
