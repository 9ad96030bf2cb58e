/**
 * How alike two outputs are, by a sketch of each: the smallest hashes of its shingles (three words in a row), one for each of 32 bins. The
 * share of bins that agree is about the share of shingles that are in both. Source: Broder 1997; Li, Owen and Zhang 2012 (one permutation).
 */

/** How many bins a sketch has. A sketch is that many bytes in hexadecimal. */
const BINS = 32;
const PRIME = 0x01000193;
const BASIS = 0x811c9dc5;

/**
 * The sketch of an output; null if there are no words in it. Numbers count as one, so that times and counters make no difference.
 * @param bytes a text in UTF-8
 */
export function sketchOf(bytes: Uint8Array): string | null {
  const least = new Float64Array(BINS).fill(Number.POSITIVE_INFINITY);
  const end = bytes.length;
  // The hashes of the two words before.
  let before = BASIS;
  let last = BASIS;
  let word = BASIS;
  let letters = 0;
  let words = 0;
  let inNumber = false;
  for (let at = 0; at <= end; at++) {
    const byte = at < end ? (bytes[at] as number) : SPACE;
    if (byte > SPACE) {
      const isDigit = byte >= ZERO && byte <= NINE;
      if (!isDigit || !inNumber) word = Math.imul(word ^ (isDigit ? ZERO : byte), PRIME);
      inNumber = isDigit;
      letters++;
    } else if (letters > 0) {
      const hash = mixed(Math.imul(before, 31) ^ Math.imul(last, 17) ^ word);
      const bin = hash & (BINS - 1);
      const value = hash >>> 5;
      if (value < (least[bin] as number)) least[bin] = value;
      before = last;
      last = word;
      word = BASIS;
      letters = 0;
      inNumber = false;
      words++;
    }
  }
  return words === 0 ? null : textOf(least);
}

const SPACE = 0x20;
const ZERO = 0x30;
const NINE = 0x39;

/** Murmur's last step: the bits of a short word reach every bin. Unsigned. */
function mixed(hash: number): number {
  let bits = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** An empty bin takes the next one's value, so that short outputs compare as well. */
function textOf(least: Float64Array): string {
  let text = '';
  for (let bin = 0; bin < BINS; bin++) {
    let from = bin;
    while (least[from % BINS] === Number.POSITIVE_INFINITY) from++;
    const value = (least[from % BINS] as number) + (from - bin) * 0x9e3779b1;
    text += (value & 0xff).toString(16).padStart(2, '0');
  }
  return text;
}

/** The share of two outputs that is in both, 0 to 1, within about 0.1; null if one of them is not known. */
export function likenessOf(one: unknown, other: unknown): number | null {
  if (typeof one !== 'string' || typeof other !== 'string') return null;
  if (one.length !== 2 * BINS || other.length !== one.length) return null;
  let same = 0;
  for (let at = 0; at < one.length; at += 2) if (one[at] === other[at] && one[at + 1] === other[at + 1]) same++;
  return same / BINS;
}
