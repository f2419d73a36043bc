import type { ConsoleLogin } from "../../../src/protocol/api/useradm.ts";
import { call } from "./client.ts";

const SESSION = "/api/management/v1/session";

export const signIn = (login: ConsoleLogin): Promise<unknown> => call("POST", SESSION, { body: login });
export const signOut = (): Promise<unknown> => call("DELETE", SESSION);
