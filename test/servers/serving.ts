import { onTestFinished } from 'vitest';
import { type LocalServer, localServer } from './local-server.ts';

/** A server that is gone when the test ends. */
export async function serving(answer: LocalServer['answer'], port = 0): Promise<LocalServer> {
  const server = await localServer(answer, port);
  onTestFinished(() => server.close());
  return server;
}

/** A port on which nobody listens. */
export async function deadPort(): Promise<number> {
  const server = await localServer(() => {});
  await server.close();
  return server.port;
}
