import { isOptionName } from './options.ts';
import { hidesText } from './secret-options.ts';

/**
 * The arguments with asterisks for every value that is nobody else's business: as long as they were, in bytes, so that they fit
 * in their place. Of an address the host stays. What is after the `--` is the child's, whose own command line shows it anyway.
 */
export function shownArguments(argv: readonly string[]): string[] {
  const end = argv.indexOf('--');
  return argv.map((word, index) => {
    if (end >= 0 && index >= end) return word;
    const equals = word.indexOf('=');
    if (word.startsWith('--') && equals > 0)
      return `${word.slice(0, equals + 1)}${shown(word.slice(2, equals), word.slice(equals + 1))}`;
    return shown((argv[index - 1] ?? '').replace(/^--/, ''), word);
  });
}

function shown(option: string, text: string): string {
  if (!isOptionName(option) || !hidesText(option, text)) return text;
  const kept = option === 'env' ? text.slice(0, text.indexOf('=') + 1) : hostOf(text);
  return `${kept}${'*'.repeat(Math.max(0, Buffer.byteLength(text) - Buffer.byteLength(kept)))}`;
}

/** `https://host:port/`, without a user and a password. */
function hostOf(text: string): string {
  const { protocol, host } = URL.canParse(text) ? new URL(text) : { protocol: '', host: '' };
  const kept = `${protocol}//${host}/`;
  return host === '' || kept.length > text.length ? '' : kept;
}
