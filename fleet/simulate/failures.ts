import { share } from "./device.ts";

/** Multiples of it, without their whole part, are spread as evenly as numbers can be, however many there are. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/**
 * Whether an installation fails. Which devices fail differs between deployments. How many do is close to the share that
 * was asked for, also in a small fleet: by chance alone, none of five would fail in one deployment of 32.
 */
export function doesFail(
  { seed, failures }: { readonly seed: string; readonly failures: number },
  deployment: string,
  device: number,
): boolean {
  return (device * GOLDEN + share(seed, "fails", deployment)) % 1 < failures;
}

/** The type of a device: as many devices have another type as was asked for, spread evenly. */
export function typeOf(
  {
    seed,
    deviceType,
    otherTypes = {},
  }: {
    readonly seed: string;
    readonly deviceType: string;
    readonly otherTypes?: Readonly<Record<string, number>>;
  },
  device: number,
): string {
  let place = (device * GOLDEN + share(seed, "type")) % 1;
  for (const [type, part] of Object.entries(otherTypes)) {
    if (place < part) return type;
    place -= part;
  }
  return deviceType;
}
