import type { Status } from '../../core/status.ts';
import { stripSequences } from '../../core/text.ts';
import { findAssigned, findRandomVariables } from './assignments.ts';
import { findBareUserInfo, findCommands, findConnectionStrings, reportLast } from './commands.ts';
import { type ExactSecrets, findExact, secretsOf } from './exact-secrets.ts';
import { findFormats } from './formats.ts';
import { findParameters, findSchemes, findUserInfo } from './http.ts';
import { findByteKeys, findOtherKeys, findPrivateKeys, findSeedPhrases } from './key-material.ts';
import { type Finder, type Follower, type Masked, maskOf, maskSecrets, type Report } from './mask.ts';
import { classOfName, isSecretValue, looksDrawn, looksRandom, type NameClass } from './secret-values.ts';

const pgpass =
  /(?<=^|[\n"'`|>] ?|\d: )(?:[\w.*-]{1,100}|\/[\w./-]{1,100}):(?:\d{2,5}|\*):[^:\s]{1,60}:[^:\s]{1,60}:((?:[^\s:"'`\\]|\\.){3,200})(?=$|[\s"'`\\])/g;
const netrc =
  /\b(?:machine\s{1,20}\S{1,200}|default)\s{1,20}(?:login\s{1,20}\S{1,200}\s{1,20}(?:account\s{1,20}\S{1,100}\s{1,20})?)?password\s{1,20}(\S{1,300})/g;
const netrcLine = /\blogin\s{1,20}\S{1,200}\s{1,20}password\s{1,20}(\S{1,300})/g;
const cookieJar =
  /(?<=^|\n|["'`|] ?)(?:#HttpOnly_)?\.?[\w.-]{1,200}[\t ]{1,8}(?:TRUE|FALSE)[\t ]{1,8}\/\S{0,200}[\t ]{1,8}(?:TRUE|FALSE)[\t ]{1,8}\d{1,12}[\t ]{1,8}\S{1,200}[\t ]{1,8}(\S{1,8000})/g;
const passwordHash =
  /(?:\$(?:1|5|6|7|y|gy|2[abxy]?|apr1|sha1|md5|argon2(?:id?|d)|scrypt|pbkdf2(?:-sha\d+)?|bcrypt-sha256)\$[\w./$=,+-]{16,300}|\bpbkdf2_sha\d+\$\d+\$[\w./+=$-]{16,200}|\{(?:SSHA|SSHA512|SHA|CRYPT|SMD5)\}[A-Za-z0-9+/]{16,200}={0,2}|\bSCRAM-SHA-256\$\d+:[\w+/=$:]{30,300})/g;
const registry = /(?<=\/:_(?:authToken|auth|password)=)["']?([^\s"'$][^\s"']{3,300})/g;
const dockerAuth = /"(?:auth|identitytoken|registrytoken)\\?"\s{0,3}:\s{0,3}\\?"([A-Za-z0-9+/_.=-]{8,4000})/g;

/** The lines of files that hold passwords: .pgpass, .netrc, cookie jars, /etc/shadow, .npmrc, Docker's config. */
const findFileLines: Finder = (text, report) => {
  if (text.includes(':')) reportLast(text, pgpass, 'value', report);
  if (text.includes('password')) {
    reportLast(text, netrc, 'value', report);
    reportLast(text, netrcLine, 'value', report);
  }
  if (text.includes('FALSE') || text.includes('TRUE')) reportLast(text, cookieJar, 'cookie', report);
  if (text.includes('$') || text.includes('}'))
    for (const found of text.matchAll(passwordHash))
      report(found.index, found.index + found[0].length, 'password-hash');
  if (text.includes(':_')) reportLast(text, registry, 'value', report);
  if (text.includes('"')) reportLast(text, dockerAuth, 'value', report);
};

const nextToken =
  /^[ \t]{0,40}(?:[^\s"'`]{0,40}[|>] )?["'`]?([A-Za-z0-9+/_.~-]{6,400}={0,2})["'`]?[,;)\]}]{0,3}(?=[ \t\\]*(?:\r?\n|$)|["'])/;
/** A line this short was not wrapped. */
const shortestWrappedLine = 24;

/**
 * The rest of a key that was wrapped: it ended its line, and the next line is nothing but one more piece of it. Given where keys
 * were found, since only they say that a line goes on.
 */
const findWrapped: Follower = (text, ends, report) => {
  for (const end of ends) {
    if (end - (text.lastIndexOf('\n', end - 1) + 1) < shortestWrappedLine) continue;
    let at = end;
    for (let count = 0; count < 60; count += 1) {
      const broken = /^["'`]?[ \t]{0,10}\\?\r?\n/.exec(text.slice(at, at + 20))?.[0];
      if (broken === undefined) break;
      const piece = nextToken.exec(text.slice(at + broken.length, at + broken.length + 520));
      const value = piece?.[1];
      if (value === undefined || !isPiece(value)) break;
      const start = at + broken.length + (piece?.[0].indexOf(value) ?? 0);
      report(start, start + value.length, 'value');
      at = start + value.length;
    }
  }
};

const isPiece = (value: string): boolean =>
  looksDrawn(value) ||
  looksRandom(value) ||
  (/\d/.test(value) && /[a-z]/i.test(value) && !/[.=-]/.test(value.replace(/={1,2}$/, '')));

const telling = /pass|pwd|token|secret|key|cred|auth|pin|otp/i;
const longestLine = 2000;
const mostRows = 500;
/** Lines between a header and its rows. */
const rule = /^[\s|+=:─━═┼╪│┃┌┐└┘├┤┬┴-]*$/;
/** What stands before a table that is a text within JSON or code: the name of the text, and its quote. */
const opening = /^[^|│┃║\n"'`]{0,40}["'`]?[\w.-]{0,60}["'`]?\s?[:=(]\s?["'`](?=[\w|│┃║ ])/;
const separators: readonly RegExp[] = [/[|│┃║]/g, /\t/g, /,|;/g, / {2,}/g];

interface Cell {
  readonly text: string;
  readonly at: number;
}

/** Values in the rows of a table, below a column's name: drawn with bars, by tabs or blanks, or as CSV. */
const findTables: Finder = (text, report) => {
  let rows: ((line: string, at: number) => boolean) | null = null;
  let left = 0;
  for (let at = 0; at < text.length; ) {
    const newline = text.indexOf('\n', at);
    const end = newline < 0 ? text.length : newline;
    if (end - at <= longestLine) {
      const line = text.slice(at, end);
      left -= 1;
      if (rows !== null && left > 0 && (rule.test(line) || rows(line, at))) {
        at = end + 1;
        continue;
      }
      rows = telling.test(line) ? rowsBelow(line.slice(opening.exec(line)?.[0].length ?? 0), report) : null;
      left = mostRows;
    } else rows = null;
    at = end + 1;
  }
};

/** What reads the rows below this line, if it is the header of a table with a secret column. */
const rowsBelow = (header: string, report: Report): ((line: string, at: number) => boolean) | null => {
  for (const [index, separator] of separators.entries()) {
    const names = cellsOf(header, separator);
    if (names.length < 2 || !names.every(({ text }) => /^["']?[A-Za-z_#][\w .()/#-]{0,40}["']?$|^$/.test(text)))
      continue;
    const secret = names.flatMap(({ text, at }, column) => {
      const kind = classOfName(text.replaceAll(' ', '_').replace(/["']/g, ''));
      return kind === null || kind === 'authorization' || kind === 'cookie' ? [] : [{ kind, column, at }];
    });
    if (secret.length === 0) continue;
    const aligned = index === separators.length - 1;
    return (line, at) => {
      const cells = cellsOf(line, separator);
      if (cells.length < 2 || (!aligned && cells.length !== names.length)) return false;
      for (const column of secret) {
        const cell = aligned
          ? cells.find(one => one.at <= column.at && one.at + one.text.length > column.at)
          : cells[column.column];
        if (cell !== undefined) judge(cell, at, column.kind, report);
      }
      return true;
    };
  }
  return null;
};

const judge = ({ text, at }: Cell, line: number, kind: NameClass, report: Report): void => {
  const value = text.replace(/^["'`]|["'`]$/g, '');
  const start = line + at + text.indexOf(value);
  if (isSecretValue(kind, value, { quoted: false, whole: false, bond: 'loose', next: '' }))
    report(start, start + value.length, 'value');
};

const cellsOf = (line: string, separator: RegExp): Cell[] => {
  const cells: Cell[] = [];
  let at = 0;
  const take = (to: number): void => {
    const raw = line.slice(at, to);
    const text = raw.trim();
    // A bar at either edge of the line opens no cell.
    if (to < line.length ? text !== '' || at > 0 : !/^["'`\\\])}]*$/.test(text))
      cells.push({ text, at: at + Math.max(0, raw.indexOf(text)) });
  };
  for (const found of line.matchAll(separator)) {
    take(found.index);
    at = found.index + found[0].length;
  }
  take(line.length);
  return cells;
};

/** In this order they name a mask: the first that found a secret says its kind. */
const finders: readonly Finder[] = [
  findPrivateKeys,
  findSeedPhrases,
  findFormats,
  findOtherKeys,
  findByteKeys,
  findUserInfo,
  findBareUserInfo,
  findFileLines,
  findAssigned,
  findTables,
  findSchemes,
  findParameters,
  findConnectionStrings,
  findCommands,
  findRandomVariables,
];
const invisible =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/;

/**
 * The text with every secret we know how to recognise replaced, and without control sequences, of which one in the middle of a key
 * would hide it from those who look for keys, and not from whoever reads it. Linear in the text. Give it whole texts, and cut them
 * afterwards: half a key is not recognised, and a private key spans many lines.
 */
export const redact = (text: string, secrets: ExactSecrets): string => masked(text, secrets).text;

const masked = (text: string, secrets: ExactSecrets): Masked => {
  const seen = invisible.test(text) ? stripSequences(text) : text;
  const exact: Finder = (whole, report) => findExact(secrets, whole, report);
  return maskSecrets(seen, [exact, ...finders], findWrapped);
};

/** So many values of an output are remembered. */
const mostLearned = 300;
/** A shorter value, or one that may be a word, is masked only where it stands beside its name. */
const isTelling = (value: string): boolean => value.length >= 8 && !/^[A-Za-z]{1,19}$|^\[redacted /.test(value);

/**
 * A text without its secrets, and those it held: beside its name, or under a line about it, a value is recognised that could be anything
 * where a single line or a part of it is quoted.
 */
export const redactAndLearn = (text: string, secrets: ExactSecrets): { text: string; known: ExactSecrets } => {
  const { text: clean, secrets: found } = masked(text, secrets);
  const values = found.flatMap(value => value.split(/\r?\n|\\n/)).map(value => value.trim());
  const learned = [...new Set(values.filter(isTelling))].slice(-mostLearned);
  return { text: clean, known: learned.length === 0 ? secrets : [...secrets, ...learned] };
};

const flag = /^--?([A-Za-z][\w.-]*)$/;

/** A command for people to see: without what looks secret in a word, and what follows a flag that sounds secret. */
export const maskedCommand = (words: readonly string[]): string[] => {
  const passwords = passwordsIn(words);
  return words.map((word, index) => {
    const name = flag.exec(words[index - 1] ?? '')?.[1];
    const isValue = name !== undefined && !word.startsWith('-');
    if (isValue && secretsOf({ [name.replaceAll('-', '_')]: word }).includes(word)) return maskOf('value');
    const at = passwords.get(index);
    return at === undefined ? redact(word, []) : `${word.slice(0, at)}${maskOf('value')}`;
  });
};

/** Of words that are a password by their program (`mysql -pX`, `redis-cli -a X`): where in the word it begins. */
const passwordsIn = (words: readonly string[]): ReadonlyMap<number, number> => {
  const found = new Map<number, number>();
  const starts: number[] = [];
  let line = '';
  for (const word of words) {
    starts.push(line.length + 1);
    line += `"${word.replace(/["'\n]/g, '_')}" `;
  }
  findCommands(line, start => {
    const index = starts.findLastIndex(one => one <= start);
    found.set(index, start - (starts[index] ?? 0));
  });
  return found;
};

/** A status for everybody to see: a command may hold keys, and the address of a probe, by which it is called, a password. */
export const maskedStatus = (status: Status): Status => ({
  ...status,
  command: maskedCommand(status.command),
  health: status.health.map(row => ({ ...row, name: redact(row.name, []), detail: redact(row.detail, []) })),
  holdReason: status.holdReason === null ? null : redact(status.holdReason, []),
  limit:
    status.limit === null
      ? null
      : { ...status.limit, line: status.limit.line === null ? null : redact(status.limit.line, []) },
});
