import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { openLogReader } from '../../child/log-reader.ts';
import { LOG_FILE, namesIn } from '../../state/names.ts';
import type { Invocation } from '../arguments/commands.ts';
import { ownTerminal, wantsColours } from '../render/terminal.ts';
import { terminalLine } from '../render/terminal-line.ts';
import { requireKnown } from './status.ts';

type LogsInvocation = Extract<Invocation, { kind: 'logs' }>;

/** How soon `-f` shows what was written. */
const LOOK_EVERY_MS = 100;

/** Prints the end of a child's output, and with `-f` goes on until it is interrupted or its reader goes. */
export async function logsCommand({ name, stateDir, lines, follow, raw }: LogsInvocation): Promise<number> {
  requireKnown(stateDir, name);
  const reader = openLogReader(join(stateDir, name, LOG_FILE));
  const print = raw || ownTerminal() === null ? printRaw : createCleanPrinter();
  print(reader.lastLines(lines));
  if (!follow) {
    print(null);
    return 0;
  }
  let readerGone = false;
  process.stdout.on('error', () => {
    readerGone = true;
  });
  let warned = false;
  while (!readerGone && namesIn(stateDir).includes(name)) {
    await new Promise(resolve => setTimeout(resolve, LOOK_EVERY_MS));
    const news = reader.news();
    print(news.length > 0 ? news : null);
    if (reader.missed && !warned) {
      warned = true;
      process.stderr.write(
        'agent-watch: the log was rotated faster than it could be followed; some of it is missing\n',
      );
    }
  }
  return 0;
}

/** Null: nothing came for a while. */
type Print = (bytes: Buffer | null) => void;

const printRaw: Print = bytes => {
  if (bytes !== null) process.stdout.write(bytes);
};

/** For a terminal: whole lines, so that no sequence is cut in two; an unfinished one when nothing follows it. */
function createCleanPrinter(): Print {
  const decoder = new StringDecoder('utf8');
  const colours = wantsColours(ownTerminal());
  let partial = '';
  return bytes => {
    const text = partial + (bytes === null ? '' : decoder.write(bytes));
    const end = bytes === null ? text.length : text.lastIndexOf('\n') + 1;
    partial = text.slice(end);
    const shown = text.slice(0, end);
    if (shown !== '')
      process.stdout.write(
        shown
          .split('\n')
          .map(line => terminalLine(line, colours))
          .join('\n'),
      );
  };
}
