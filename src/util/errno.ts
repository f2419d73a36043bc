/** The code of a system error, such as `ENOENT`. */
export const errnoOf = (error: unknown): unknown =>
  error instanceof Error && "code" in error ? error.code : undefined;
