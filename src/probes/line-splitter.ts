/** A longer line is cut: what is behind this many bytes is not looked at. */
export const LINE_BYTES = 65_536;

/** Cuts bytes into lines. */
export interface LineSplitter {
  /** Returns the lines that these bytes complete. The buffer is not kept. */
  push(bytes: Buffer): string[];
}

const NEWLINE = 10;

/**
 * Lines end with a newline. What a terminal would draw over is not seen: of a line with carriage returns in it only what stands
 * behind the last counts, so a spinner that never ends its line is none.
 */
export function createLineSplitter(): LineSplitter {
  let rest: Buffer[] = [];
  let restBytes = 0;

  function keep(bytes: Buffer): void {
    const room = LINE_BYTES - restBytes;
    if (room <= 0 || bytes.length === 0) return;
    rest.push(Buffer.from(bytes.subarray(0, room)));
    restBytes += Math.min(room, bytes.length);
    // A child that writes byte by byte must not leave a list of thousands of buffers.
    if (rest.length > 64) rest = [Buffer.concat(rest)];
  }

  return {
    push(bytes) {
      const last = bytes.lastIndexOf(NEWLINE);
      if (last === -1) {
        dropRedraws(bytes);
        return [];
      }
      const first = bytes.indexOf(NEWLINE);
      keep(bytes.subarray(0, first));
      const head = Buffer.concat(rest).toString('utf8');
      rest = [];
      restBytes = 0;
      const lines = [visible(head)];
      if (last > first)
        for (const line of bytes.toString('utf8', first + 1, last).split('\n')) lines.push(visible(line));
      keep(bytes.subarray(last + 1));
      return lines;
    },
  };

  // Without this a spinner would fill the room of a line with what nobody sees any more.
  function dropRedraws(bytes: Buffer): void {
    const back = bytes.lastIndexOf(13);
    if (back <= 0 || back === bytes.length - 1) return keep(bytes);
    rest = [];
    restBytes = 0;
    keep(bytes.subarray(back + 1));
  }
}

function visible(line: string): string {
  const whole = line.endsWith('\r') ? line.slice(0, -1) : line;
  const shown = whole.slice(whole.lastIndexOf('\r') + 1);
  return shown.length > LINE_BYTES ? shown.slice(0, LINE_BYTES) : shown;
}
