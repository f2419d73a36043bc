/** A page that is written from the code, and how many rows of it the code gave. */
export interface Page {
  readonly path: string;
  readonly rows: number;
  readonly text: string;
}
