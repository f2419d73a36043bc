/** One row of the catalogue. */
export interface ErrorEntry {
  /** Whether the same request may succeed later although nothing has been changed. */
  readonly retry?: true;
  /** Exit status of a command that fails with this code, if it is not 1. */
  readonly exit?: 2;
  /** One sentence for people; details follow it as `key=value`. */
  readonly doc: string;
}
