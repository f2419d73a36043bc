const KIB = 1024;

/** Shows small sizes in KiB, so that two different sizes look different. */
export const sizeText = (bytes: number): string =>
  bytes < 10 * KIB ** 2 ? `${Math.floor(bytes / KIB)} KiB` : `${(bytes / KIB ** 2).toFixed(1)} MiB`;

export const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
