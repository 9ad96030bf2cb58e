import { onTestFinished } from 'vitest';
import { type LocalServer, localServer } from './local-server.ts';

/** A server that is gone when the test ends. */
export async function serving(answer: LocalServer['answer'], port = 0): Promise<LocalServer> {
  const server = await localServer(answer, port);
  onTestFinished(() => server.close());
  return server;
}

const given = new Set<number>();

/**
 * A port on which nobody listens, and which nobody is given who asks the kernel for any: it lies below those (32768 and up on
 * Linux), so that it is still free when the test or its program comes to use it.
 */
export async function deadPort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    if (given.has(port)) continue;
    given.add(port);
    const server = await localServer(() => {}, port).catch(() => null);
    await server?.close();
    if (server !== null) return port;
  }
}
