import { gunzipSync } from "node:zlib";
import { type LmdbShape, USUAL_SHAPE } from "../../adapters/takeover/lmdb-format.ts";
import { writeLmdb } from "../../adapters/takeover/lmdb-writer.ts";

const unpacked = (text: string): Buffer => gunzipSync(Buffer.from(text, "base64"));

/**
 * `mender-store` as mender 3.4.0 of Debian (amd64) left it after `install`, `commit`, `install`, `rollback`,
 * `install` and `commit`.
 */
export const COMMITTED = unpacked(
  "H4sIAAAAAAACA+3bsU7bQBjA8YMQJ0tzVKoQ840ViQoTykTFUHWpGBALynDFlyhS4otsgwRRFp6CgYfgCVAfoBMTE2PWvkIdx46NRaogRQFV/99wZ919Pl+sLJ++sxCpatw+/fpzvybyNmdd9SCbeR4jxHrSV56Nzo8vJb1TuM8RAAAAAABg2daWnP+XF8z/Nwp95cX7AQAAAADAMqznrrbEtbyWY3krb2q8GQAAAADAKjzE7aYIQu25umc9U48uQzNUJ8YPutZTzd0d9dUPu219Fv7QfaOaqm/d+p7Khr/59nwQjeeGji8H5rvXtke+vei6JlDNoTqLQtwoxrc2bAf1bl93TCM0QRit17hIH5esPsrWOuwZ7QfZSqcvr/BZtXbUkb7sWe1OHh9HJpOqNZqehK8Jnaxa70x23fEH4ks88zGbGSSPGiod7efnYlveVaOkqv4hW8mLXlg8Wcrl/5/EnXyUd5J/HwAAAAAAb2s7bquzc/PF7+6dQlypEJeery+ev59EbIubGvV/AAAAAMAqUf9fTf2/nMv/qf8DAAAAAPA+pHX98ixrnyrW+Rc9J+Dk8v8tcSV/y7G8ov4PAAAAAFiR/7/+vx//wn9W91+3scb8kwRz6/97lVz+T/0fAAAAAID3Ia3rO7Osfar4Xf+i5wT+ArQaHnwAgAAA",
);
export const COMMITTED_VALUES = {
  "artifact-group": "grp",
  "artifact-name": "mod-2",
  "artifact-provides": '{"a":"b","c":"d","rootfs-image.testmod.version":"mod-2"}',
};

/** The same after the first `install`, which waits for `commit`. */
export const PENDING = unpacked(
  "H4sIAAAAAAACA+3YPU7DMBTAcadTt1Y5gkfUVOqaCcSAWFAHxII6GOJUkZI4sk2lqurVEJdg5QocAUKUkIAqwUAn/r/BH89P70nebCE642Z8eXp9DMTQ9HMan4ofvbXEL3X5gQAAAAAAAMcSHPX9Hxzo83U/+jbzDwAAAAAAwN8bDVahCCfhhDsBAAAAAPwHz804Fc6rMlG5KXVUL73eyRttXWZKGS9m8sz6LFX3/koVWsayMEm0kH34wpqHqo6vbTWIXm8rfVmmZmnNJku0k/FOqjrrrs6xxvjURVmh1nrutfN1yfmm69g22Pe1znOtrOsr3R6ucCJXM7lU29yo5KN9k9keytVevAOM4eQKADAAAA==",
);

/** As `mdb_load` of Debian's i386 port made it, with the flags of the Mender client. */
export const OF_32_BITS = unpacked(
  "H4sIAAAAAAACA+3ZPU7DMBgGYKcUqQuEnxt4pkNXJq4SaIkq0SYKpUJCnIQ79AiIA3AGRlaOAEko7YCYKtQOzyP7s6XXkzd/DqHRa+vby8dzEn4ctaN3EX75rIU/NFkSAAAAgF2SbPT+T1a1U8+95dpdJQAAAMAu6CzrSVik7+lrukjdCQAAAGzX02nzs34csmo2vs6uZv2yKubj4ei2+XoP++2Zg3U6zSajSTHsD9o4HK6TvCruyrwqw3fSbfsADzGL5/EynsWbYprX23sAAAAA4N/FR61PAABgY18143qLAFAAAA==",
);
export const VALUES_OF_32_BITS = {
  "artifact-group": "grp",
  "artifact-name": "mod-1",
  "artifact-provides": JSON.stringify({ a: "b", long: "x".repeat(5000) }),
};

/** A store with these values, as it is after transaction `txn`. */
export const storeOf = (values: Readonly<Record<string, string>>, txn = 5n, shape: LmdbShape = USUAL_SHAPE): Buffer =>
  writeLmdb(shape, new Map(Object.entries(values).map(([key, value]) => [key, Buffer.from(value)])), txn);

/** What a reader has found, as text. */
export const asText = (values: ReadonlyMap<string, Uint8Array>): Record<string, string> =>
  Object.fromEntries([...values].map(([key, value]) => [key, Buffer.from(value).toString()]));
