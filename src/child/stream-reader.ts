import type { Readable } from 'node:stream';
import type { Output, StreamName } from './output.ts';

/** How long after the child's end its sockets may stay silent before what came is taken for all. */
const LAST_WORDS_QUIET_MS = 20;

/**
 * Reads the sockets that Node makes where no pipes could be made: a pair for each run. Returns how to wait, after the child's end, until
 * its last words have come: the streams' end, or silence if somebody else still holds them.
 */
export function attachStreams(streams: Record<StreamName, Readable>, output: Output): () => Promise<void> {
  const open = new Set<StreamName>(['stdout', 'stderr']);
  let heard = () => {};
  for (const name of open) {
    const stream = streams[name];
    const reader = output.attach(name, take => {
      stream.on('data', (bytes: Buffer) => {
        take(bytes);
        heard();
      });
      return {
        pause: () => stream.pause(),
        resume: () => stream.resume(),
        drain: () => 0,
        discard: () => 0,
        close: () => stream.destroy(),
      };
    });
    stream.once('close', () => {
      output.detach(name, reader);
      open.delete(name);
      heard();
    });
    stream.on('error', () => {
      // Followed by close, which says all there is to say.
    });
  }
  return () =>
    new Promise(resolve => {
      let timer = setTimeout(resolve, LAST_WORDS_QUIET_MS);
      heard = () => {
        clearTimeout(timer);
        if (open.size === 0) resolve();
        else timer = setTimeout(resolve, LAST_WORDS_QUIET_MS);
      };
      if (open.size === 0) resolve();
    });
}
