/**
 * SHA-256, by which a damaged file is noticed.
 *
 * The browser's own is there only on https and localhost; the page is also served in plain http.
 */

/** The first 32 bits of the fractional part, exactly: sqrt and cbrt of small primes suffice. */
const fraction = (x: number) => ((x - Math.floor(x)) * 0x100000000) | 0;

const primes: number[] = [];
for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p)) primes.push(n);

const ROUNDS = Int32Array.from(primes, (p) => fraction(Math.cbrt(p)));
const START = Int32Array.from(primes.slice(0, 8), (p) => fraction(Math.sqrt(p)));

const turn = (x: number, by: number) => (x >>> by) | (x << (32 - by));

function addBlock(hash: Int32Array, view: DataView, at: number, w: Int32Array): void {
  for (let i = 0; i < 16; i++) w[i] = view.getInt32(at + 4 * i);
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15]!;
    const y = w[i - 2]!;
    const low = turn(x, 7) ^ turn(x, 18) ^ (x >>> 3);
    const high = turn(y, 17) ^ turn(y, 19) ^ (y >>> 10);
    w[i] = w[i - 16]! + low + w[i - 7]! + high;
  }
  let [a, b, c, d, e, f, g, h] = hash as unknown as [
    number, number, number, number, number, number, number, number,
  ];
  for (let i = 0; i < 64; i++) {
    const chosen = (e & f) ^ (~e & g);
    const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + chosen + ROUNDS[i]! + w[i]!) | 0;
    const majority = (a & b) ^ (a & c) ^ (b & c);
    const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + majority) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, i) => (hash[i] = hash[i]! + word));
}

/** The SHA-256 of bytes, as 64 hexadecimal digits. */
export function sha256(bytes: Uint8Array<ArrayBuffer>): string {
  const hash = START.slice();
  const w = new Int32Array(64);
  const whole = bytes.length - (bytes.length % 64);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < whole; at += 64) addBlock(hash, view, at, w);
  // The rest, a bit of 1, zeros, and the length in bits.
  const left = bytes.length - whole;
  const end = new Uint8Array(left < 56 ? 64 : 128);
  end.set(bytes.subarray(whole));
  end[left] = 0x80;
  const endView = new DataView(end.buffer);
  endView.setBigUint64(end.length - 8, BigInt(bytes.length) * 8n);
  for (let at = 0; at < end.length; at += 64) addBlock(hash, endView, at, w);
  return Array.from(hash, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}
