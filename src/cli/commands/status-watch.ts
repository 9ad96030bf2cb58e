const EVERY_MS = 1000;
const HOME = '\u001b[H';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';
/** A screen of its own and no cursor; the way back leaves the terminal as it was. */
const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';

/**
 * Draws a text again every second until it is interrupted. On a terminal each line is drawn over the former one, so nothing
 * flickers; into a pipe the text comes once more only when it has changed.
 */
export async function redraw(text: () => string): Promise<void> {
  const { stdout } = process;
  const terminal = stdout.isTTY === true;
  let over = false;
  let wake = () => {};
  const end = () => {
    over = true;
    wake();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
  stdout.on('error', end);
  stdout.on('resize', () => wake());
  let last = '';
  if (terminal) stdout.write(ENTER);
  try {
    while (!over) {
      const now = text();
      if (terminal) stdout.write(screen(now, stdout.rows));
      else if (now !== last) stdout.write(`${now}\n`);
      last = now;
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, EVERY_MS);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  } finally {
    if (terminal) stdout.write(LEAVE);
  }
}

function screen(text: string, rows: number): string {
  const lines = text.split('\n').slice(0, Math.max(1, rows - 1));
  return `${HOME}${lines.map(line => `${line}${CLEAR_LINE}`).join('\r\n')}${CLEAR_BELOW}`;
}
