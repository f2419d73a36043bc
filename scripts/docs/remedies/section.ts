import type { ErrorCode } from "../../../src/errors/catalogue.ts";

/** The remedies for the reader, by error code. */
export type Remedies = Readonly<Partial<Record<ErrorCode, string>>>;
