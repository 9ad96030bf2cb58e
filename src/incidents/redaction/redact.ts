import type { Status } from '../../core/status.ts';
import { stripSequences } from '../../core/text/escape.ts';
import { findAssigned, findRandomVariables } from './assignments.ts';
import { findBareUserInfo, findCommands, findConnectionStrings } from './commands.ts';
import { type ExactSecrets, findExact, secretsOf } from './exact-secrets.ts';
import { findFileLines, findTables, findWrapped } from './file-lines.ts';
import { findFormats } from './formats.ts';
import { findParameters, findSchemes, findUserInfo } from './http.ts';
import { findByteKeys, findOtherKeys, findPrivateKeys, findSeedPhrases } from './key-material.ts';
import { type Finder, type Masked, maskOf, maskSecrets } from './mask.ts';

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
