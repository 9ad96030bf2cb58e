import type { Sink } from '../child/sink.ts';
import type { Note } from '../core/notes.ts';
import { noteLine, type Weight } from './render/notes.ts';

/** The watcher's own lines, on stderr beside the child's. */
export interface Voice {
  tell(note: Note): void;
  warn(text: string): void;
}

/**
 * Lines that begin with `[agent-watch]` and the time of day; into the journal, which stamps and sorts them itself, with its
 * priority prefix instead. They take the child's way out, so a stalled reader never stops the watcher.
 */
export function createVoice(stderr: Sink, quiet: boolean, journal: boolean): Voice {
  const say = (weight: Weight, text: string) => {
    if (quiet) return;
    const prefix = journal ? `<${weight}>[agent-watch]` : `[agent-watch] ${timeOfDay()}`;
    stderr.write(Buffer.from(`${prefix} ${text.replaceAll('\n', ' ')}\n`));
  };
  return {
    tell(note) {
      const { weight, text } = noteLine(note);
      say(weight, text);
    },
    warn: text => say(4, text),
  };
}

function timeOfDay(): string {
  const now = new Date();
  return [now.getHours(), now.getMinutes(), now.getSeconds()].map(part => String(part).padStart(2, '0')).join(':');
}
