import { isatty } from 'node:tty';
import type { Outputs, Sink } from '../child/sink.ts';
import type { Observer } from './observers/observer.ts';

/**
 * Modes that a program which draws on a terminal switches on, and a sudden end leaves on: alternate screen, mouse, focus,
 * bracketed paste. The cursor is the reverse: hidden is off. Source: DECSET in xterm's control sequences.
 */
const MODES: ReadonlySet<number> = new Set([47, 1047, 1049, 1000, 1002, 1003, 1004, 1005, 1006, 1015, 2004]);
const CURSOR = 25;
const ESCAPE = 27;
const change = /\u001b\[\?([\d;]{1,40})([hl])/g;
/** A sequence may come in two pieces. */
const CARRY_CHARS = 48;

/** Puts our terminal back in order when a program that drew on it has ended. Null: neither of our outputs is a terminal. */
export function createTerminalModes({ stdout, stderr }: Outputs): Observer | null {
  const sinks = { stdout: isatty(1) ? stdout : null, stderr: isatty(2) ? stderr : null };
  const terminal: Sink | null = sinks.stdout ?? sinks.stderr;
  if (terminal === null) return null;
  const left = new Set<number>();
  let carried = '';
  return {
    hear(stream, bytes) {
      if (sinks[stream] === null || (carried === '' && !bytes.includes(ESCAPE))) return;
      const text = carried + bytes.toString('latin1');
      let read = 0;
      for (const found of text.matchAll(change)) {
        read = found.index + found[0].length;
        for (const mode of (found[1] ?? '').split(';').map(Number)) {
          if (mode !== CURSOR && !MODES.has(mode)) continue;
          if ((found[2] === 'h') === (mode !== CURSOR)) left.add(mode);
          else left.delete(mode);
        }
      }
      const rest = text.slice(Math.max(read, text.lastIndexOf('\u001b')));
      carried = rest.startsWith('\u001b') && rest.length < CARRY_CHARS ? rest : '';
    },
    fact({ type }) {
      if (type !== 'child-exited') return;
      carried = '';
      if (left.size === 0) return;
      const off = [...left].map(mode => `\u001b[?${mode}${mode === CURSOR ? 'h' : 'l'}`);
      left.clear();
      terminal.write(Buffer.from(`${off.join('')}\u001b[0m`));
    },
  };
}
