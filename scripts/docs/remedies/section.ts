import type { ErrorCode } from "../../../src/errors/catalogue.ts";

/** What the reader should check or do, by error code. */
export type Remedies = Readonly<Partial<Record<ErrorCode, string>>>;
