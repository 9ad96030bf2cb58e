import { anyOf, type Report, withoutBreaks } from './mask.ts';
import { classOfName, looksDrawn, looksRandom } from './secret-values.ts';

/** Values that must not leave the process, longest first, with the spellings in which a program prints them. */
export type ExactSecrets = readonly string[];

/** Shorter values would take half the words of a log with them; a password of mixed characters is masked from this length on. */
const shortestChars = 8;
const shortestMixedChars = 5;

const secretName =
  /KEY$|TOKEN|SECRET|PASS(?:WORD|WD|PHRASE|_|$)|PWD$|_PW$|CRED|AUTH$|AUTH_|DSN|WEBHOOK|PRIVATE|COOKIE|SESSION|SIGNATURE|SALT|BEARER|MNEMONIC|SEED|_PAT$|JWT|(?:RPC|HOOK|NODE|DATABASE|DB|REDIS|MONGO\w*|POSTGRES\w*|MYSQL|AMQP|BROKER|RABBITMQ|CONNECTION)_?(?:URL|URI|STRING|ENDPOINT)/i;
/** Their values are places and switches, though their names have such a word in them. */
const harmlessName =
  /^(?:PWD|OLDPWD|SSH_AUTH_SOCK|XAUTHORITY|XDG_SESSION_\w+|DESKTOP_SESSION|SESSION_MANAGER|DBUS_SESSION_BUS_ADDRESS|TOKENIZERS_\w+|GPG_TTY|GIT_AUTHOR_\w+)$|_(?:FILE|PATH|DIR|SOCK|TYPE|TTL|TIMEOUT|COUNT|LENGTH|SIZE|URL_PREFIX|NAME|ID|REGION|HOST|PORT|USER|EMAIL|METHOD|MODE|ENABLED|VERSION)$/i;
const harmlessValue =
  /^(?:true|false|enabled|disabled|required|optional|none|null|default|undefined|\/[\w./-]*|\d{1,7})$/i;

/** The secrets among environment variables: by their names, and the passwords inside URLs whatever the name. */
export const secretsOf = (environment: Readonly<Record<string, string | undefined>>): ExactSecrets => {
  const values = new Set<string>();
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined || value === '') continue;
    for (const part of partsOfAddress(value)) addSpellings(values, part);
    if (!isSecretVariable(name) || (harmlessValue.test(value) && !looksRandom(value))) continue;
    addSpellings(values, value);
    for (const part of partsOf(value)) addSpellings(values, part);
  }
  return longestFirst(values);
};

const isSecretVariable = (name: string): boolean =>
  !harmlessName.test(name) && (secretName.test(name) || classOfName(name) !== null);

/** The same for values that are secret by themselves: webhook URLs, keys from files. */
export const spellingsOf = (secrets: readonly string[]): ExactSecrets => {
  const values = new Set<string>();
  for (const secret of secrets) addSpellings(values, secret);
  return longestFirst(values);
};

const longestFirst = (values: Iterable<string>): ExactSecrets =>
  [...values].sort((one, other) => other.length - one.length);

/** Password, user and key-like pieces of an address. */
const partsOfAddress = (value: string): string[] => {
  const info = /^[a-z][a-z0-9+.-]{1,20}:\/\/([^\s/:@]{0,200}):(\S{1,300})@[^\s@]{1,300}$/i.exec(value);
  const password = info?.[2] ?? '';
  const parts = /^[a-z][a-z0-9+.-]{1,20}:\/\//i.test(value) ? value.split(/[/?&=#:@,]+/).slice(1) : [];
  const keys = parts.filter(part => part.length >= 16 && (looksDrawn(part) || looksRandom(part)));
  return [...keys, ...(password === '' ? [] : [password, decodedPart(password)])];
};

const decodedPart = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    // A percent sign that is one.
    return text;
  }
};

/** Several keys in one variable, and those of a JSON document such as a service account. */
const partsOf = (value: string): string[] => {
  if (/^\s*[[{]/.test(value) && value.length < 100_000)
    return [...value.matchAll(/"((?:[^"\\]|\\.){16,20000})"/g)]
      .map(found => found[1] ?? '')
      .filter(part => looksRandom(part));
  return value.length < 10_000
    ? value.split(/[\s,;]+/).filter(part => part.length >= 16 && part !== value && looksDrawn(part))
    : [];
};

const addSpellings = (values: Set<string>, secret: string): void => {
  const trimmed = secret.trim();
  if (trimmed.length < shortestChars) {
    if (trimmed.length >= shortestMixedChars && /\d/.test(trimmed) && /[a-z]/i.test(trimmed)) values.add(trimmed);
    return;
  }
  add(values, spelled(trimmed));
  // A multi-line value (a key in a variable) is printed line by line, with prefixes between.
  const lines = trimmed.split(/\r?\n|\\n/);
  if (lines.length > 1)
    add(
      values,
      lines.map(line => line.trim()).filter(line => line.length >= shortestChars && !/^-{5}/.test(line)),
    );
  const bytes = new TextEncoder().encode(trimmed);
  if (bytes.length <= 8192) add(values, encodings(bytes));
};

const add = (values: Set<string>, more: readonly string[]): void => {
  for (const value of more) if (value.length >= shortestChars) values.add(value);
};

/** As JSON, Python, a shell, HTML and an address write it. */
const spelled = (secret: string): string[] => {
  const json = JSON.stringify(secret).slice(1, -1);
  const ascii = json.replace(/[\u0080-\uffff]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  const encoded = encodeURIComponent(secret.toWellFormed());
  const html = secret.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return [
    secret,
    json,
    ascii,
    JSON.stringify(json).slice(1, -1),
    json.replaceAll('/', '\\/'),
    json.replace(/[&<>]/g, unit => `\\u00${unit.charCodeAt(0).toString(16)}`),
    encoded,
    encoded.replace(/%[0-9A-F]{2}/g, code => code.toLowerCase()),
    encoded.replaceAll('%20', '+'),
    encoded.replaceAll('%', '%25'),
    encoded.replace(/[!'()*]/g, unit => `%${unit.charCodeAt(0).toString(16).toUpperCase()}`),
    encodeURI(secret.toWellFormed()),
    secret.replaceAll('\\', '\\\\').replaceAll("'", "\\'"),
    secret.replaceAll("'", "'\\''"),
    html,
    html.replaceAll('"', '&quot;').replaceAll("'", '&#39;'),
  ];
};

/** In hex, and in base64 wherever in a longer text it begins, as after the user's name in a Basic header. */
const encodings = (bytes: Uint8Array): string[] => {
  const hex = Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('');
  const base64 = [0, 1, 2].map(shift => {
    const shifted = new Uint8Array(shift + bytes.length);
    shifted.set(bytes, shift);
    const text = btoa(String.fromCharCode(...shifted)).replace(/=+$/, '');
    // The characters at both ends also hold bits of what stands beside it.
    const tail = (shift + bytes.length) % 3 === 0 ? 0 : 1;
    return text.slice(shift === 0 ? 0 : shift + 1, text.length - tail);
  });
  return [hex, hex.toUpperCase(), ...base64, ...base64.map(text => text.replaceAll('+', '-').replaceAll('/', '_'))];
};

/** What finds the places where one of the values may stand: by its first characters, so that a text is gone through once. */
interface Index {
  readonly beginnings: RegExp;
  readonly values: ReadonlyMap<string, readonly string[]>;
}

const indexes = new WeakMap<ExactSecrets, Index>();
const beginningChars = 4;

const indexOf = (secrets: ExactSecrets): Index => {
  const known = indexes.get(secrets);
  if (known !== undefined) return known;
  const values = new Map<string, string[]>();
  for (const secret of secrets) {
    const beginning = secret.slice(0, beginningChars);
    const others = values.get(beginning);
    if (others === undefined) values.set(beginning, [secret]);
    else others.push(secret);
  }
  const index = { beginnings: anyOf(values.keys()), values };
  indexes.set(secrets, index);
  return index;
};

/** Every place where one of the values stands, also where the text is broken into lines in the middle of one. */
export const findExact = (secrets: ExactSecrets, text: string, report: Report): void => {
  if (secrets.length === 0) return;
  const index = indexOf(secrets);
  scan(index, text, (start, end) => report(start, end, 'value'));
  atEdges(secrets, text, (start, end) => report(start, end, 'value'));
  const joined = withoutBreaks(text);
  if (joined === null) return;
  scan(index, joined.text, (start, end) => {
    if (joined.crosses(start, end)) report(...joined.origin(start, end), 'value');
  });
};

const scan = ({ beginnings, values }: Index, text: string, found: (start: number, end: number) => void): void => {
  beginnings.lastIndex = 0;
  for (let seen = beginnings.exec(text); seen !== null; seen = beginnings.exec(text)) {
    const at = seen.index;
    const value = values
      .get(seen[0])
      ?.find(candidate => text.startsWith(candidate, at) && standsAlone(text, at, candidate));
    if (value !== undefined) found(at, at + value.length);
    beginnings.lastIndex = at + (value?.length ?? 1);
  }
};

/** Half of a value, or this many characters of it, at the edge of a text: a cut has split it. */
const edgeChars = 8;

/** Where the text begins with the end of a value, or ends with the beginning of one. */
const atEdges = (secrets: ExactSecrets, text: string, found: (start: number, end: number) => void): void => {
  for (const secret of secrets) {
    const least = Math.min(edgeChars, Math.max(shortestMixedChars, Math.ceil(secret.length / 2)));
    const most = Math.min(secret.length - 1, text.length);
    if (most < least) continue;
    const head = text.slice(0, most);
    const last = secret.slice(-least);
    for (let at = head.lastIndexOf(last); at >= 0; at = at === 0 ? -1 : head.lastIndexOf(last, at - 1))
      if (secret.endsWith(head.slice(0, at + least))) {
        found(0, at + least);
        break;
      }
    const tail = text.slice(text.length - most);
    const first = secret.slice(0, least);
    for (let at = tail.indexOf(first); at >= 0; at = tail.indexOf(first, at + 1))
      if (secret.startsWith(tail.slice(at))) {
        found(text.length - most + at, text.length);
        break;
      }
  }
};

/** A short one must not be a part of a word. */
const standsAlone = (text: string, at: number, value: string): boolean =>
  value.length >= shortestChars || (!/\w/.test(text[at - 1] ?? '') && !/\w/.test(text[at + value.length] ?? ''));
