import { writeSync } from 'node:fs';
import { emitKeypressEvents, type Interface } from 'node:readline';
import { ownTerminal, wantsColours } from '../render/terminal.ts';
import type { Size } from './frame.ts';
import type { Key } from './view.ts';

/** The whole terminal, until it is closed. */
export interface Screen {
  size(): Size;
  /** Shows these lines, each empty or as wide as the terminal; only those that differ from what is there are written. */
  draw(lines: readonly string[]): void;
  /** All lines are written again at the next draw. */
  forget(): void;
  /** Puts the terminal back as it was. */
  close(): void;
}

/** What a screen tells. */
export interface Hearers {
  key(key: Key): void;
  resized(): void;
  /** The terminal is gone, or a signal asks for the end. */
  gone(): void;
}

/** A screen of its own, no cursor, pastes marked as such; and the way back. */
const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?2004h\u001b[2J';
const LEAVE = '\u001b[?2004l\u001b[0m\u001b[?25h\u001b[?1049l';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** An Esc after which nothing follows for so long is the key; what arrows send comes in one piece. */
const ESCAPE_MS = 50;
/** Of a terminal that does not tell its size. */
const USUAL = { columns: 80, rows: 24 };

/**
 * Takes the terminal. It is put back by `close`, and at any other end of the process that we live to see: a signal, an error that nobody
 * caught. Without a terminal as standard input there are no keys.
 */
export function openScreen(hearers: Hearers): Screen {
  const { stdin, stdout } = process;
  const colours = wantsColours(ownTerminal());
  let drawn: readonly string[] = [];
  let open = true;
  const stopReading = stdin.isTTY ? readKeys(stdin, hearers) : () => {};

  const enter = () => {
    if (stdin.isTTY) stdin.setRawMode(true);
    stdout.write(ENTER);
    drawn = [];
  };
  const resized = () => {
    drawn = [];
    hearers.resized();
  };
  // After a stop by a signal from elsewhere the shell has had the terminal.
  const resumed = () => {
    if (stdin.isTTY) stdin.setRawMode(false);
    enter();
    hearers.resized();
  };
  const close = () => {
    if (!open) return;
    open = false;
    for (const signal of SIGNALS) process.off(signal, hearers.gone);
    process.off('SIGCONT', resumed).off('exit', close).off('uncaughtExceptionMonitor', close);
    stdout.off('resize', resized);
    stopReading();
    try {
      // At once: at the end of the process a stream would write no more.
      writeSync(1, LEAVE);
    } catch {
      // EIO: the terminal is gone, and with it what there was to put back.
    }
  };

  for (const signal of SIGNALS) process.on(signal, hearers.gone);
  process.on('SIGCONT', resumed).on('exit', close).on('uncaughtExceptionMonitor', close);
  stdout.on('resize', resized).on('error', hearers.gone);
  enter();
  return {
    size: () => ({
      columns: stdout.columns > 0 ? stdout.columns : USUAL.columns,
      rows: stdout.rows > 0 ? stdout.rows : USUAL.rows,
      colours,
    }),
    draw(lines) {
      const changed = lines.flatMap((line, row) =>
        line === drawn[row] ? [] : [`\u001b[${row + 1};1H${line === '' ? CLEAR_LINE : line}`],
      );
      const rest = lines.length < drawn.length ? `\u001b[${lines.length + 1};1H${CLEAR_BELOW}` : '';
      if (changed.length > 0 || rest !== '') stdout.write(changed.join('') + rest);
      drawn = lines;
    },
    forget() {
      drawn = [];
    },
    close,
  };
}

/** Tells keys; returns how to stop it. What is pasted is no command: without a filter being typed it would stop and restart services. */
function readKeys(stdin: typeof process.stdin, hearers: Hearers): () => void {
  let pasting = false;
  const press = (text: string | undefined, key: { name?: string; ctrl?: boolean }) => {
    if (key.name === 'paste-start' || key.name === 'paste-end') pasting = key.name === 'paste-start';
    else hearers.key({ name: pasting ? 'paste' : (key.name ?? ''), text: text ?? '', ctrl: key.ctrl === true });
  };
  emitKeypressEvents(stdin, { escapeCodeTimeout: ESCAPE_MS } as unknown as Interface);
  stdin.on('keypress', press).on('end', hearers.gone).on('error', hearers.gone);
  stdin.resume();
  return () => {
    stdin.off('keypress', press).off('end', hearers.gone).off('error', hearers.gone);
    stdin.pause();
    try {
      stdin.setRawMode(false);
    } catch {
      // EIO: the terminal is gone.
    }
  };
}
