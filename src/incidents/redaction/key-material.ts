import { wordlist } from '@scure/bip39/wordlists/english.js';
import type { Finder, Report } from './mask.ts';

const begin =
  /-{4,5} ?BEGIN ((?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?|PGP MESSAGE|OPENSSH [A-Z ]{0,20}KEY) ?-{4,5}/g;
/** Runs of a key's body, whatever logger, quote or escape stands between them. */
const bodyRun = /[A-Za-z0-9+/]{16,}={0,2}/;
const longestKeyChars = 20_000;

/**
 * Private key blocks: from the header to the end, or as far as lines look like a body where the end is missing. The header's mere
 * words, in a message about keys, are no key. Of a block whose beginning scrolled away, the body above its end goes too.
 */
export const findPrivateKeys: Finder = (text, report) => {
  if (!text.includes('PRIVATE') && !text.includes('PGP MESSAGE') && !text.includes('OPENSSH')) return;
  let at = 0;
  for (const found of text.matchAll(begin)) {
    if (found.index < at) continue;
    const start = found.index + found[0].length;
    const end = bodyEnd(text, start, found[1] ?? '');
    if (end <= start) continue;
    report(found.index, end, 'private-key');
    at = end;
  }
  headless(text, report);
};

const bodyEnd = (text: string, start: number, title: string): number => {
  const limit = Math.min(text.length, start + longestKeyChars);
  if (!bodyRun.test(text.slice(start, Math.min(limit, start + 600)))) return start;
  const next = text.slice(start, limit).search(/-{4,5} ?BEGIN /);
  const rest = next < 0 ? text.slice(start, limit) : text.slice(start, start + next);
  const closing = rest.search(/-{4,5} ?END /);
  const body = closing < 0 ? rest : rest.slice(0, closing);
  if (!bodyRun.test(body.slice(0, 600))) return start;
  if (closing >= 0) {
    const after = /^-{4,5} ?END [A-Z0-9 ]{0,50}-{0,5}/.exec(rest.slice(closing, closing + 80))?.[0] ?? '';
    if (after.includes(title.split(' ').at(-1) ?? '')) return start + closing + after.length;
  }
  return start + linesOfBody(rest);
};

/** How far lines, written as such or with `\n`, look like a body. */
const linesOfBody = (rest: string): number => {
  let end = 0;
  const pieces = rest.matchAll(/[^\n]*?(?:\\n|\n|$)/g);
  let count = 0;
  for (const [piece] of pieces) {
    const isBody =
      /(?:[A-Za-z0-9+/]{40,}={0,2}|^[A-Za-z0-9+/]{4,}={0,2})["',\s\\]*(?:\\n|\n)?$/.test(piece.trim().slice(-400)) ||
      /[A-Za-z0-9+/]{40,}={0,2}/.test(piece.slice(0, 2000));
    const isHeader =
      count < 6 &&
      /^(?:\s*|.{0,120}(?:Proc-Type|DEK-Info|Version|Comment|Hash):.{0,80}|\W{0,4})(?:\\n|\n)?$/.test(piece);
    if (!isBody && !(isHeader && piece !== '')) break;
    count += 1;
    end += piece.length;
  }
  return end;
};

/** Bodies whose header is not in the text any more, up to their end. */
const headless = (text: string, report: Report): void => {
  for (const found of text.matchAll(/-{4,5} ?END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}/g)) {
    const lineStart = text.lastIndexOf('\n', found.index - 1) + 1;
    let from = lineStart;
    for (let count = 0; count < 120 && from > 0; count += 1) {
      const upper = text.lastIndexOf('\n', from - 2) + 1;
      const line = text.slice(Math.max(upper, from - 400), from).trimEnd();
      if (
        !/^.{0,120}?[A-Za-z0-9+/]{40,80}={0,2}$/.test(line) &&
        !(count === 0 && /(?:^|\s)[A-Za-z0-9+/]{1,76}={0,2}$/.test(line))
      )
        break;
      from = upper;
    }
    const inLine = text.slice(lineStart, found.index);
    if (from < lineStart) report(from, found.index + found[0].length, 'private-key');
    else if (bodyRun.test(inLine))
      report(lineStart + inLine.search(bodyRun), found.index + found[0].length, 'private-key');
  }
};

/** Keys in other coats: PuTTY's files, web keys, base64 of a whole block, and the forms of wallets. */
export const findOtherKeys: Finder = (text, report) => {
  if (text.includes('Private-Lines:'))
    for (const found of text.matchAll(/Private-Lines: \d+\s{1,2}((?:[A-Za-z0-9+/=]{1,80}\s{1,2}){1,200})/g))
      report(found.index + found[0].indexOf(found[1] ?? ''), found.index + found[0].trimEnd().length, 'private-key');
  if (text.includes('kty')) webKeys(text, report);
  for (const found of text.matchAll(/LS0tLS1CRUdJTi[A-Za-z0-9+/_-]{20,20000}={0,2}/g))
    if (decoded(found[0]).includes('PRIVATE')) report(found.index, found.index + found[0].length, 'private-key');
  for (const [pattern, kind] of walletKeys)
    for (const found of text.matchAll(pattern)) {
      const value = found[1] ?? found[0];
      const start = found.index + found[0].lastIndexOf(value);
      report(start, start + value.length, kind);
    }
};

const decoded = (base64: string): string => {
  try {
    return atob(base64.slice(0, 80).replaceAll('-', '+').replaceAll('_', '/'));
  } catch {
    // Cut at an odd place: then nobody can read it either.
    return '';
  }
};

const webKeys = (text: string, report: Report): void => {
  let done = 0;
  for (const found of text.matchAll(/["']kty["']/g)) {
    if (found.index + 4000 < done) continue;
    const from = Math.max(0, found.index - 4000);
    done = found.index + 8000;
    const near = text.slice(from, found.index + 8000);
    for (const part of near.matchAll(
      /["'](?:d|p|q|dp|dq|qi|k)\\{0,3}["']\s{0,3}:\s{0,3}\\{0,3}["']([\w+/=-]{16,1000})/g,
    )) {
      const start = from + part.index + part[0].length - (part[1]?.length ?? 0);
      report(start, start + (part[1]?.length ?? 0), 'private-key');
    }
  }
};

const telling = String.raw`(?:priv(?:ate)?[ _-]?key|privkey|\bpriv\b|secret|\bseed\b|wallet|signer|signing[ _-]?key|deployer|keystore|keypair|mnemonic|\bpk\b|\bsk\b|\bwif\b|master[ _-]?key|encryption[ _-]?key|aes|hmac|entropy|treasury|hot[ _-]?key|account key|unseal|root[ _-]?key)`;
const walletKeys: readonly (readonly [RegExp, string])[] = [
  // Bitcoin's wallet import format, with and without compression, main and test networks.
  [
    /(?<![1-9A-HJ-NP-Za-km-z])(?:5[HJK][1-9A-HJ-NP-Za-km-z]{49}|[KLc][1-9A-HJ-NP-Za-km-z]{51}|9[1-9A-HJ-NP-Za-km-z]{50})(?![1-9A-HJ-NP-Za-km-z])/g,
    'wallet-key',
  ],
  [/(?:xprv|yprv|zprv|tprv|uprv|vprv)[1-9A-HJ-NP-Za-km-z]{100,120}/g, 'wallet-key'],
  [/nsec1[02-9ac-hj-np-z]{58}/g, 'wallet-key'],
  [/suiprivkey1[02-9ac-hj-np-z]{50,70}/g, 'wallet-key'],
  [/edsk[1-9A-HJ-NP-Za-km-z]{50,100}/g, 'wallet-key'],
  [/(?<![A-Z0-9])S[A-D][A-Z2-7]{54}(?![A-Z0-9])/g, 'wallet-key'],
  [/ed25519:[1-9A-HJ-NP-Za-km-z]{80,90}/g, 'wallet-key'],
  [/(?<![A-Za-z0-9])6P[1-9A-HJ-NP-Za-km-z]{56}(?![1-9A-HJ-NP-Za-km-z])/g, 'wallet-key'],
  [
    new RegExp(
      `${telling}(?:(?!(?:tx|transaction|block|commit|digest|sha-?\\d|checksum|image|hash|fingerprint|address)\\b)[^\\n]){0,60}?(?<![0-9a-fA-Fx])((?:0x)?[0-9a-fA-F]{64})(?![0-9a-fA-F])`,
      'gi',
    ),
    'wallet-key',
  ],
  [
    new RegExp(
      `${telling}(?:(?!(?:tx|transaction|signature|address|pubkey|public)\\b)[^\\n]){0,40}?(?<![1-9A-HJ-NP-Za-km-z])((?:[1-9A-HJ-NP-Za-km-z]{86,88}|s[1-9A-HJ-NP-Za-km-z]{28}))(?![1-9A-HJ-NP-Za-km-z])`,
      'gi',
    ),
    'wallet-key',
  ],
];

const byteList =
  /(?:\d{1,3}|0x[0-9a-fA-F]{1,2})(?:\s{0,3},?\s{1,12}(?:\d{1,3}|0x[0-9a-fA-F]{1,2})|,(?:\d{1,3}|0x[0-9a-fA-F]{1,2})){15,}/g;
const tellingBefore = new RegExp(`(?:${telling}|key)[^\\n]{0,60}\\s{0,20}$`, 'i');

/** Keys as arrays of bytes: 64 of them are a key pair; 32, or any other number, beside a word that says so. */
export const findByteKeys: Finder = (text, report) => {
  if (text.includes('\\x'))
    for (const found of text.matchAll(
      /(?:\\x[0-9a-f]{2}|(?<=\\x[0-9a-f]{2}[ -~]{0,6})[ -~](?=[^"'\n]{0,8}\\x)){8,}[^"'\n]{0,40}/gi,
    ))
      if (tellingBefore.test(text.slice(Math.max(0, found.index - 80), found.index)))
        report(found.index, found.index + found[0].length, 'key-bytes');
  if (text.includes('<Buffer'))
    for (const found of text.matchAll(/<(?:Buffer|SecretKeyObject)((?: [0-9a-f]{2}){16,})/g))
      if (tellingBefore.test(text.slice(Math.max(0, found.index - 80), found.index)))
        report(found.index + found[0].indexOf(found[1] ?? '') + 1, found.index + found[0].length, 'key-bytes');
  for (const found of text.matchAll(byteList)) {
    const numbers = found[0].match(/0x[0-9a-fA-F]{1,2}|\d{1,3}/g) ?? [];
    if (numbers.some(number => Number(number) > 255) || new Set(numbers).size < 10) continue;
    const before = text.slice(Math.max(0, found.index - 120), found.index);
    const isPair = numbers.length === 64 && /[[({]\s*$/.test(before);
    if (isPair || tellingBefore.test(before)) report(found.index, found.index + found[0].length, 'key-bytes');
  }
};

let words: ReadonlySet<string> | null = null;
/** Twelve words or more of 3 to 8 letters, with the same kind of thing between them: blanks, commas, quotes, numbers, lines. */
const wordRun =
  /(?<![A-Za-z])[A-Za-z]{3,8}(?:(?:[ \t]{0,4}[,|][ \t]{0,4}|["'][ \t]{0,4},?\s{0,12}["']|\s{1,12}|-|_|\s{0,4}\(?\d{1,2}[.):]\s{0,3}|\s{0,12}-\s)(?:\d{1,2}[.):]\s{0,3})?(?:["'])?[A-Za-z]{3,8}(?![A-Za-z])){8,}/g;
const phraseBefore = /(?:mnemonic|seed|recovery|phrase|backup words|secret words|wallet)[^\n]{0,60}\s{0,20}$/i;

/** Seed phrases: nearly all of at least twelve words are of BIP-39's list, or a word in front says what they are. */
export const findSeedPhrases: Finder = (text, report) => {
  for (const found of text.matchAll(wordRun)) {
    words ??= new Set(wordlist);
    const list = [...found[0].matchAll(/[A-Za-z]{3,8}/g)];
    const known = list.map(([word]) => words?.has(word.toLowerCase()) === true);
    for (let first = 0; first < list.length; first += 1) {
      if (!known[first]) continue;
      let last = first;
      let misses = 0;
      for (let next = first + 1; next < list.length; next += 1) {
        if (!known[next]) misses += 1;
        if (misses > (next - first) / 12) break;
        if (known[next]) last = next;
      }
      const start = found.index + (list[first]?.index ?? 0);
      const isTold = phraseBefore.test(text.slice(Math.max(0, start - 90), start));
      if (last - first + 1 >= (isTold ? 9 : 12))
        report(start, found.index + (list[last]?.index ?? 0) + (list[last]?.[0].length ?? 0), 'seed-phrase');
      first = last;
    }
  }
};
