import { openSync, writeFileSync } from 'node:fs';
import type { Place } from '../state/state-folder.ts';

/** Hands the output of one run to the next, as its standard input: through a file, since whole runs lie between. */
export interface Feed {
  /** A run has ended: what it wrote is kept. */
  keep(): void;
  /** What the next run reads; null if there is nothing yet. */
  feed(): number | null;
}

const FILE = 'last-output';

export function createFeed(place: Place, tail: () => Buffer): Feed {
  return {
    keep() {
      try {
        writeFileSync(place.at(FILE), tail(), { mode: 0o600 });
      } catch {
        // A disk that takes nothing: the next run reads what an earlier one wrote, or nothing.
      }
    },
    feed() {
      try {
        return openSync(place.at(FILE), 'r');
      } catch {
        // The first run ever.
        return null;
      }
    },
  };
}
