/** A place where a model is asked. */
import type { Credentials } from './key.ts';

/** The address and how to be let in. The key is read anew for each question, so that a rotated one is found. */
export interface Site {
  readonly base: URL;
  readonly onThisMachine: boolean;
  readonly credentials: () => Credentials;
  /** The watcher's environment, for the proxy. */
  readonly env: Readonly<Record<string, string | undefined>>;
}
