/** Letters, numbers and words drawn from a seed, of which made-up secrets consist. */
import { wordlist } from '@scure/bip39/wordlists/english.js';

export type Random = () => number;

/** A small generator (mulberry32), so that a failure can be repeated. */
export const seeded = (seed: number): Random => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
};

const lower = 'abcdefghijklmnopqrstuvwxyz';
const upper = lower.toUpperCase();
const digits = '0123456789';
const from = (letters: string) => (random: Random, length: number) =>
  Array.from({ length }, () => letters[Math.floor(random() * letters.length)]).join('');

export const word = from(lower + upper + digits);
export const hex = from(`${digits}abcdef`);
export const capitals = from(upper + digits);
export const small = from(lower + digits);
export const letters = from(lower);
export const number = from('123456789');
export const base64 = from(`${lower}${upper}${digits}+/`);
export const base58 = from('123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz');
export const base32 = from('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567');
export const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
export const uuid = (r: Random) => `${hex(r, 8)}-${hex(r, 4)}-4${hex(r, 3)}-a${hex(r, 3)}-${hex(r, 12)}`;
/** What a person or a password manager makes up. */
export const password = (r: Random) =>
  pick(r, [
    () => `${letters(r, 6)}${number(r, 3)}`,
    () => `${word(r, 9)}7${letters(r, 2)}`,
    () => `${pick(r, ['Sommer', 'Tiger', 'Falcon'])}${number(r, 4)}!`,
    () => `${word(r, 7)}4-${word(r, 5)}`,
  ])();
/** A key as most services draw it. */
export const key = (r: Random) =>
  pick(r, [() => `${word(r, 30)}7aB`, () => `${small(r, 38)}4k`, () => hex(r, 32), () => `${base64(r, 39)}2=`])();
export const seedWords = (r: Random, count: number) => Array.from({ length: count }, () => pick(r, wordlist));
export const bytes = (r: Random, count: number) => Array.from({ length: count }, () => Math.floor(r() * 256));
