import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { until } from './until.ts';

/** The browser's program, if there is one: Debian's package `chromium`. */
export const browser = ['chromium', 'chromium-browser', 'google-chrome'].find(
  program => spawnSync(program, ['--version']).status === 0,
);

/** A tab, driven over the browser's own DevTools protocol. */
export interface Tab {
  go(url: string): Promise<void>;
  resize(width: number, height: number): Promise<void>;
  /** As a person whose system is dark sees it. */
  darken(): Promise<void>;
  /** What an expression in the page gives, a promise awaited. */
  ask<T>(expression: string): Promise<T>;
  /** Waits until an expression in the page is true. */
  holds(expression: string): Promise<void>;
  /** A picture of the whole page, as PNG. */
  picture(path: string): Promise<void>;
  /** What the page's console and its security policy complained of. */
  complaints(): readonly string[];
}

interface Answer {
  id?: number;
  method?: string;
  result?: Record<string, unknown>;
  error?: { message: string };
  params?: Record<string, unknown>;
}

/** Starts a browser without a window for this test, and opens a tab in it. */
export async function openTab(): Promise<Tab> {
  const folder = mkdtempSync(join(tmpdir(), 'aw-browser-'));
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--hide-scrollbars'];
  const child = spawn(
    browser ?? '',
    [...flags, '--remote-debugging-port=0', `--user-data-dir=${folder}`, 'about:blank'],
    { stdio: ['ignore', 'ignore', 'pipe'], detached: true },
  );
  let said = '';
  child.stderr.on('data', bytes => {
    said += bytes;
  });
  const gone = new Promise(resolve => child.once('close', resolve));
  onTestFinished(async () => {
    // Its helpers are in its process group.
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
    await gone;
    await until('the browser has let go of its folder', () => removed(folder));
  });
  const port = await until('the browser listens', () => /ws:\/\/[\d.]+:(\d+)\//.exec(said)?.[1]);
  const answer = await fetch(`http://127.0.0.1:${port}/json/list`);
  const targets = (await answer.json()) as { type: string; webSocketDebuggerUrl: string }[];
  const page = targets.find(({ type }) => type === 'page');
  if (page === undefined) throw new Error('the browser has no tab');
  return await tabOf(new WebSocket(page.webSocketDebuggerUrl));
}

function removed(folder: string): boolean {
  try {
    rmSync(folder, { recursive: true, force: true });
    return true;
  } catch {
    // A helper that ends at this moment still writes there.
    return false;
  }
}

async function tabOf(socket: WebSocket): Promise<Tab> {
  const open = new Map<number, (answer: Answer) => void>();
  const complaints: string[] = [];
  let loads = 0;
  socket.addEventListener('message', ({ data }) => {
    const answer: Answer = JSON.parse(String(data));
    if (answer.id !== undefined) open.get(answer.id)?.(answer);
    if (answer.method === 'Page.loadEventFired') loads += 1;
    const entry = answer.params?.['entry'] as { level?: string } | undefined;
    if (answer.method === 'Runtime.exceptionThrown' || (entry !== undefined && entry.level !== 'verbose'))
      complaints.push(JSON.stringify(answer.params));
  });
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve);
    socket.addEventListener('error', reject);
  });
  let last = 0;
  const send = async (method: string, params: object = {}): Promise<Record<string, unknown>> => {
    const id = ++last;
    const answer = await new Promise<Answer>(resolve => {
      open.set(id, resolve);
      socket.send(JSON.stringify({ id, method, params }));
    });
    open.delete(id);
    if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
    return answer.result ?? {};
  };
  const ask = async <T>(expression: string): Promise<T> => {
    const result = await send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (result['exceptionDetails'] !== undefined) throw new Error(JSON.stringify(result['exceptionDetails']));
    return (result['result'] as { value: T }).value;
  };
  for (const domain of ['Page', 'Runtime', 'Log']) await send(`${domain}.enable`);
  return {
    ask,
    complaints: () => complaints,
    async go(url) {
      const before = loads;
      await send('Page.navigate', { url });
      await until(`${url} is loaded`, () => loads > before);
    },
    async resize(width, height) {
      const mobile = width < 600;
      await send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: mobile ? 2 : 1, mobile });
    },
    async darken() {
      await send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: 'dark' }] });
    },
    holds: async expression => void (await until(expression, () => ask<boolean>(expression))),
    async picture(path) {
      const { data } = await send('Page.captureScreenshot', { format: 'png', captureBeyondViewport: true });
      writeFileSync(path, Buffer.from(String(data), 'base64'));
    },
  };
}
