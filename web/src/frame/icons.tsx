import type { ReactNode } from "react";

/** States differ by their silhouettes first, so that colour is never the only difference. */
const SHAPES = {
  updated: (
    <>
      <circle className="solid" cx="8" cy="8" r="6.6" />
      <path className="knock-out" d="M5.2 8.2l2 2 3.6-4.1" />
    </>
  ),
  underWay: (
    <>
      <circle cx="8" cy="8" r="5.8" />
      <path className="solid" d="M8 4.4a3.6 3.6 0 0 1 0 7.2z" />
    </>
  ),
  waiting: <circle cx="8" cy="8" r="4.2" />,
  held: (
    <>
      <rect className="solid" x="1.8" y="1.8" width="12.4" height="12.4" rx="3" />
      <path className="knock-out" d="M6.2 5.4v5.2M9.8 5.4v5.2" />
    </>
  ),
  failed: (
    <>
      <path className="solid" d="M8 .9 15.1 8 8 15.1.9 8z" />
      <path className="knock-out" d="M6 6l4 4M10 6l-4 4" />
    </>
  ),
  silent: (
    <>
      <circle cx="8" cy="8" r="5.8" strokeDasharray="2.2 2.4" />
      <path d="M8 5.2v3.2M8 10.8v.1" />
    </>
  ),
  attention: (
    <>
      <path className="solid" d="M8 1.4 15 14H1z" />
      <path className="knock-out" d="M8 6v3.4M8 11.7v.1" />
    </>
  ),
  home: <path d="M2.5 7.2 8 2.6l5.5 4.6v6.2h-11z" />,
  steps: <path d="M2 13.4h3.6V9.8h3.6V6.2h3.6V2.6" />,
  key: (
    <>
      <circle cx="5" cy="11" r="2.6" />
      <path d="M7 9l6-6M10.6 5.4l2 2" />
    </>
  ),
  link: (
    <path d="M6.6 9.4l2.8-2.8M7 4.6l1.4-1.4a2.9 2.9 0 0 1 4.2 4.2L11.2 8.8M9 11.4l-1.4 1.4a2.9 2.9 0 0 1-4.2-4.2L4.8 7.2" />
  ),
  theme: (
    <>
      <path className="solid" d="M8 2a6 6 0 1 0 0 12z" />
      <circle cx="8" cy="8" r="6" />
    </>
  ),
} as const satisfies Record<string, ReactNode>;

export type Shape = keyof typeof SHAPES;
export type Tone = "ok" | "warn" | "bad" | "lost" | "run" | "idle";

/** A picture beside its word: it is never alone. */
export const Icon = ({ shape, tone }: { readonly shape: Shape; readonly tone?: Tone }): ReactNode => (
  <svg className={`icon${tone === undefined ? "" : ` tone-${tone}`}`} viewBox="0 0 16 16" aria-hidden="true">
    {SHAPES[shape]}
  </svg>
);
