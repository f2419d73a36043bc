import type { ErrorCode } from "../../../src/errors/catalogue.ts";

/** What the reader checks or does, by code. */
export type Remedies = Readonly<Partial<Record<ErrorCode, string>>>;
