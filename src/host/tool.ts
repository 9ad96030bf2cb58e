import { execa } from 'execa';

/** How a tool of the system ended: its code, null if it could not be started, and what it said. */
export interface ToolEnd {
  readonly code: number | null;
  readonly output: string;
  readonly complaint: string;
}

/** Runs a tool such as systemctl to its end, with the environment that we have. Never rejects. */
export async function runTool(command: readonly string[], input: string | null = null): Promise<ToolEnd> {
  const [file = '', ...args] = command;
  const subprocess = execa(file, args, {
    stdio: [input === null ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    buffer: false,
    cleanup: false,
    reject: false,
    verbose: 'none',
  });
  const child = subprocess.nodeChildProcess;
  let output = '';
  let complaint = '';
  child.stdout?.setEncoding('utf8').on('data', text => {
    output += text;
  });
  child.stderr?.setEncoding('utf8').on('data', text => {
    complaint += text;
  });
  // EPIPE: it need not read what it is told.
  child.stdin?.on('error', () => {});
  if (input !== null) child.stdin?.end(input);
  const closed = child.pid === undefined ? null : new Promise<void>(resolve => child.once('close', () => resolve()));
  const result = await subprocess;
  await closed;
  if (child.pid === undefined) return { code: null, output, complaint: `${file} is not here` };
  return { code: result.exitCode ?? 255, output, complaint };
}
