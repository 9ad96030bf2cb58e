import { expect } from 'vitest';

/** As expect.poll, with a deadline that a loaded machine meets. */
export const eventually = <T>(look: () => T) => expect.poll(look, { timeout: 60_000, interval: 10 });
