import { secretsOf } from './exact-secrets.ts';
import { redact } from './redact.ts';

const flag = /^--?([A-Za-z][\w.-]*)$/;

/** A command for people to see: without what looks secret in a word, and what follows a flag that sounds secret. */
export const maskedCommand = (words: readonly string[]): string[] =>
  words.map((word, index) => {
    const name = flag.exec(words[index - 1] ?? '')?.[1];
    const isValue = name !== undefined && !word.startsWith('-');
    if (isValue && secretsOf({ [name.replaceAll('-', '_')]: word }).includes(word)) return '[redacted value]';
    return redact(word, []);
  });
