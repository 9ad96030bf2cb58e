/** Services as other tools describe them, in our keys. */

/** A service to be written: keys of the configuration file in order, and what could not be taken over. */
export interface ForeignService {
  readonly name: string;
  readonly command: readonly string[];
  /** Keys besides name, command and cwd. */
  readonly keys: Readonly<Record<string, unknown>>;
  /** Where it runs, relative to the file that described it. */
  readonly cwd: string;
  readonly notes: readonly string[];
}

/** What a foreign file comes to. */
export interface Imported {
  readonly services: readonly ForeignService[];
  /** Services that cannot be run without their own tool, a sentence each. */
  readonly skipped: readonly string[];
}

const NEEDS_SHELL = /[|&;<>()$`*?[\]{}~#!\n]|^\s*\w+=/;

/** A command line as a list of arguments; through a shell only where it uses one's syntax. */
export function argumentsOf(line: string): string[] {
  const text = line.trim();
  if (NEEDS_SHELL.test(text)) return ['sh', '-c', text];
  const words: string[] = [];
  for (const [, single, double, plain] of text.matchAll(/'([^']*)'|"((?:[^"\\]|\\.)*)"|((?:[^\s'"\\]|\\.)+)/g))
    words.push(single ?? (double ?? plain ?? '').replace(/\\(.)/g, '$1'));
  // Quotes inside a word are not understood here: a shell reads them rightly.
  return /\S['"]|['"]\S/.test(text.replace(/(?:^|\s)(?:'[^']*'|"[^"]*")(?=\s|$)/g, ' ')) ? ['sh', '-c', text] : words;
}

/** Our duration for milliseconds: `1500ms`, `3s`, `2m`. */
export function durationKey(ms: number): string {
  if (ms % 60_000 === 0 && ms > 0) return `${ms / 60_000}m`;
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

/** Lines of `name: command`, as Heroku, foreman and honcho read them. */
export function fromProcfile(text: string, hasEnvFile: boolean): Imported {
  const services: ForeignService[] = [];
  for (const line of text.split('\n')) {
    const match = /^([A-Za-z0-9_-]+):\s*(\S.*?)\s*$/.exec(line);
    if (match === null) continue;
    const [, name = '', command = ''] = match;
    services.push({
      name,
      command: argumentsOf(command),
      keys: hasEnvFile ? { 'env-file': '.env' } : {},
      cwd: '.',
      notes: /\$PORT\b|\$\{PORT\b/.test(command) ? ['PORT is not assigned here: set it in env'] : [],
    });
  }
  return { services, skipped: [] };
}

/** A text or a list of them; anything else is none. */
export function textList(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(String);
  return value === undefined || value === null ? [] : [String(value)];
}
