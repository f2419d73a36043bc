import { EVENT_ID, type Event, getScalarValue, parseEvents } from "js-yaml";

type Path = readonly PropertyKey[];

/**
 * Finds the line of a key in YAML text.
 *
 * @param path keys and indexes from the top; if the last ones do not exist, the nearest one above them counts
 */
export function lineOf(text: string, path: Path): number {
  const offsets = offsetsOf(text);
  for (let length = path.length; length >= 0; length--) {
    const offset = offsets.get(keyOf(path.slice(0, length)));
    if (offset !== undefined) return text.slice(0, offset).split("\n").length;
  }
  return 1;
}

const keyOf = (path: Path): string => JSON.stringify(path.map(String));

/** The offsets of keys, and of items of lists. */
function offsetsOf(text: string): ReadonlyMap<string, number> {
  const events = parseEvents(text, {});
  const offsets = new Map<string, number>();
  let at = 0;
  const value = (path: Path): void => {
    const event = events[at++];
    if (event === undefined) return;
    if (!offsets.has(keyOf(path))) offsets.set(keyOf(path), startOf(event));
    if (event.type === EVENT_ID.DOCUMENT) {
      value(path);
      at++;
    } else if (event.type === EVENT_ID.SEQUENCE) {
      for (let index = 0; !isPop(events[at]); index++) value([...path, index]);
      at++;
    } else if (event.type === EVENT_ID.MAPPING) {
      while (!isPop(events[at])) {
        const key = events[at];
        const name = key?.type === EVENT_ID.SCALAR ? getScalarValue(text, key) : "";
        if (key !== undefined) offsets.set(keyOf([...path, name]), startOf(key));
        value([]);
        value([...path, name]);
      }
      at++;
    }
  };
  value([]);
  return offsets;
}

const isPop = (event: Event | undefined): boolean => event === undefined || event.type === EVENT_ID.POP;

function startOf(event: Event): number {
  if (event.type === EVENT_ID.SCALAR) return Math.max(0, event.valueStart);
  if (event.type === EVENT_ID.SEQUENCE || event.type === EVENT_ID.MAPPING) return event.start;
  return 0;
}
