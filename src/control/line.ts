import type { Socket } from 'node:net';

/** 'nothing': the other side ended, broke or took too long before its line was whole. */
export type Line = { text: string } | 'nothing' | 'too-long';

/**
 * The first line that comes in within `timeoutMs`, without its end. What follows it is read and thrown away, so that the
 * end of the connection is seen.
 */
export function firstLine(socket: Socket, limitBytes: number, timeoutMs: number): Promise<Line> {
  return new Promise(resolve => {
    const parts: Buffer[] = [];
    let length = 0;
    let settled = false;
    const settle = (result: Line) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      parts.length = 0;
      resolve(result);
    };
    const timer = setTimeout(() => settle('nothing'), timeoutMs);
    socket.on('data', (chunk: Buffer) => {
      if (settled) return;
      const end = chunk.indexOf(0x0a);
      length += end === -1 ? chunk.length : end;
      if (length > limitBytes) return settle('too-long');
      parts.push(end === -1 ? chunk : chunk.subarray(0, end));
      if (end !== -1) settle({ text: Buffer.concat(parts).toString('utf8') });
    });
    socket.on('end', () => settle('nothing'));
    socket.on('close', () => settle('nothing'));
  });
}
