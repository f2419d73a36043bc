import type { FastifyReply, FastifyRequest } from "fastify";
import type { ConsoleFile, ConsoleFiles } from "../../adapters/console/read-console.ts";
import type { Routes } from "../app-types.ts";
import { answerNotFound } from "../error-answers.ts";

/** React Aria adds this style to the page, for elements that can be pressed. A test fails when another version differs. */
const PRESS_STYLE = "'sha256-38RhXrc7EdReTKsOm23ZPOCUgniTUUcjky8QOOrQx6o='";

/** Nothing from elsewhere, no script in the page, and no text that becomes a script or an element. */
const POLICY = [
  ...["default-src 'none'", "script-src 'self'", `style-src 'self' ${PRESS_STYLE}`, "img-src 'self' data: blob:"],
  ...["font-src 'self'", "connect-src 'self'", "worker-src 'self'", "manifest-src 'self'", "form-action 'self'"],
  ...["base-uri 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'"],
].join("; ");

const HEADERS = {
  "content-security-policy": POLICY,
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "cross-origin-opener-policy": "same-origin",
};

/** The names of these files change with their content. */
const HASHED = /^\/assets\/[\w.-]+-[\w-]{8}\.\w+$/;
/** Paths that belong to programs: whoever asks for one that is not there gets JSON, not a page. */
const PROGRAMS = /^\/(?:api|assets)(?:\/|$)/;

/**
 * The console. Each path that is not another route's is a page of it, which the browser makes by itself.
 *
 * @param files `undefined`: this server has no console
 */
export const consoleRoutes =
  (files: ConsoleFiles | undefined): Routes =>
  (app) => {
    const page = files?.get("/index.html");
    if (files === undefined || page === undefined) return;
    app.get("/*", { config: { auth: "none" }, schema: { hide: true } }, (request, reply) => {
      const [path = "/"] = request.url.split("?", 1);
      const file = files.get(path);
      if (file !== undefined && path !== "/index.html") return send(request, reply, file, HASHED.test(path));
      if (PROGRAMS.test(path)) return answerNotFound(request, reply);
      return send(request, reply, themed(page, request.headers.cookie), false);
    });
  };

/** The page with the theme that the reader has chosen, from the first paint on. It has no compressed copy. */
function themed(page: ConsoleFile, cookie: string | undefined): ConsoleFile {
  const theme = /(?:^|;\s*)theme=(dark|light)\s*(?:;|$)/.exec(cookie ?? "")?.[1];
  if (theme === undefined) return page;
  const text = page.plain.toString("utf8").replace("<html ", `<html data-theme="${theme}" `);
  return { type: page.type, plain: Buffer.from(text), gzip: undefined, brotli: undefined };
}

function send(request: FastifyRequest, reply: FastifyReply, file: ConsoleFile, isHashed: boolean): FastifyReply {
  const takes = request.headers["accept-encoding"] ?? "";
  const [encoding, bytes] =
    file.brotli !== undefined && /\bbr\b/.test(takes)
      ? ["br", file.brotli]
      : file.gzip !== undefined && /\bgzip\b/.test(takes)
        ? ["gzip", file.gzip]
        : [undefined, file.plain];
  if (encoding !== undefined) reply.header("content-encoding", encoding);
  return reply
    .headers({
      ...HEADERS,
      vary: "accept-encoding, cookie",
      "cache-control": isHashed ? "public, max-age=31536000, immutable" : "no-cache",
    })
    .type(file.type)
    .send(bytes);
}
