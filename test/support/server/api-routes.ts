import type { TestServer } from "./test-server.ts";

/** A JSON schema, as far as the tests look into it. */
export interface Schema {
  readonly [keyword: string]: unknown;
}

export interface Parameter {
  readonly in: "path" | "query" | "header";
  readonly name: string;
  readonly schema: Schema;
}

/** A route, as the API describes itself: a new one is tried by itself. */
export interface Route {
  readonly method: string;
  /** With `{names}` in the places of ids. */
  readonly path: string;
  /** Whether it asks for a token. */
  readonly isOpen: boolean;
  readonly parameters: readonly Parameter[];
  /** The body, if it is JSON. */
  readonly body: Schema | undefined;
  readonly isForm: boolean;
}

interface Operation {
  readonly security?: unknown;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema?: Schema }>> };
}

/** All routes whose paths begin with `prefix`. */
export function routesOf({ server }: TestServer, prefix: string): readonly Route[] {
  const document = server.app.swagger() as { paths: Record<string, Record<string, Operation>> };
  return Object.entries(document.paths)
    .filter(([path]) => path.startsWith(prefix))
    .flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, { security, parameters = [], requestBody }]) => ({
        ...{ method: method.toUpperCase(), path, isOpen: security === undefined, parameters },
        body: requestBody?.content["application/json"]?.schema,
        isForm: requestBody?.content["multipart/form-data"] !== undefined,
      })),
    );
}

/** Whether a route ends the session that calls it: whoever goes on needs another one. */
export const endsSession = ({ method, path }: Pick<Route, "method" | "path">): boolean =>
  path.endsWith("/auth/logout") || (method === "DELETE" && path === "/api/management/v1/session");
