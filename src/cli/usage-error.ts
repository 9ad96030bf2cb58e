import { EXIT } from '../core/exit-code.ts';

/**
 * What the user wrote cannot be done: an unknown option, a value that does not parse, a file that is not trusted. The
 * message is one line for people, without the program's name; nothing has been started when it is thrown.
 */
export class UsageError extends Error {
  readonly exitCode = EXIT.usage;

  constructor(message: string) {
    super(oneLine(message));
    this.name = 'UsageError';
  }
}

/** Runs `read` and puts `where` before the message of a UsageError it throws: the option's name, or file:line:column: key. */
export function at<T>(where: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`${where}: ${error.message}`);
    throw error;
  }
}

/** A value as it is shown in a message: in double quotes, at most 80 characters of it. */
export function quoted(text: string): string {
  return `"${text.length > 80 ? `${text.slice(0, 80)}…` : text}"`;
}

/** Makes whatever a user typed safe on a terminal and one line long: control characters and line ends are spelled out. */
function oneLine(message: string): string {
  return message.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
