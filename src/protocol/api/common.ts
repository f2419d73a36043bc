import { z } from "zod";

export const Id = z.uuid();

/** RFC 3339 in UTC. */
export const Timestamp = z.iso.datetime({ offset: true });
