/** What the body of a webhook says, in the words of Mender. */
export interface Message {
  /** The same each time the event is delivered. */
  readonly id: string;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly time: string;
}

interface Event {
  readonly key: string;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly created_at: Date;
}

export const messageOf = ({ key, type, data, created_at }: Event): Message => ({
  ...{ id: key, type, data },
  time: created_at.toISOString(),
});
