import type { EventType } from "../../domain/events/event-types.ts";

/** An event with its number, as streams and webhooks send it. */
export interface StoredEvent {
  /** Larger than the number of each event that any reader has seen before this one. */
  readonly id: number;
  /** Stays the same if the event is sent twice. */
  readonly key: string;
  readonly type: EventType;
  readonly data: Readonly<Record<string, unknown>>;
  readonly created_at: Date;
}
