/** A page generated from the code, and how many of its rows come from the code. */
export interface Page {
  readonly path: string;
  readonly rows: number;
  readonly text: string;
}
