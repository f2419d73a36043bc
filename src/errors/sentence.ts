import { ERRORS, type ErrorCode } from "./catalogue.ts";

/** The sentence that people see for a code. The bundle keeps these texts in a file that it reads at the first failure. */
export const sentenceOf = (code: ErrorCode): string => ERRORS[code].doc;

/** Whether this version of the program knows the code. */
export const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(ERRORS, code);
