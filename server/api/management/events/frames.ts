import type { StoredEvent } from "../../../adapters/postgres/stored-event.ts";
import { messageOf } from "../../../domain/webhooks/message.ts";

/** A frame of an event. JSON has no line breaks. */
export const eventFrame = (event: StoredEvent): string =>
  `id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(messageOf(event))}\n\n`;

/** The counts of a running deployment. It has no number: the next one says it all again. */
export const progressFrame = (id: string, counts: string): string =>
  `event: deployment-progress\ndata: {"id":"${id}","counts":${counts}}\n\n`;

/** The listener has missed more than can be sent again: it reads its lists anew. */
export const resyncFrame = (id: number): string => `id: ${id}\nevent: resync\ndata: {}\n\n`;

/** Proxies and listeners see that the stream lives. A listener that gets nothing else still learns how far it is. */
export const heartbeatFrame = (id: number): string => `: heartbeat\nid: ${id}\n\n`;

export const openingFrame = (): string => `: open\nretry: ${delay()}\n\n`;

/** The process ends. Listeners come back one after the other. */
export const partingFrame = (): string => `: end\nretry: ${delay()}\n\n`;

const delay = (): number => Math.round(1000 + 4000 * Math.random());
