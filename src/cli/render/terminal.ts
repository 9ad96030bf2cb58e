import type { WriteStream } from 'node:tty';

/** Whether to colour what goes to a stream: by NO_COLOR, FORCE_COLOR and CLICOLOR, else only on a terminal that can. */
export function wantsColours(stream: WriteStream, env: NodeJS.ProcessEnv = process.env): boolean {
  if (env['NO_COLOR']) return false;
  if (env['FORCE_COLOR']) return env['FORCE_COLOR'] !== '0';
  return stream.isTTY === true && env['CLICOLOR'] !== '0' && env['TERM'] !== 'dumb';
}
