import { describe, expect, test } from 'vitest';
import type { EndReading } from '../../src/core/events.ts';
import { Bench } from './bench.ts';

const none: EndReading = { cause: null, limit: null, line: null, success: null, why: null };
/** How each start was made, in order: the plain command, or what resumes. */
function starts(bench: Bench): string {
  return bench.notes.flatMap(note => (note.kind === 'started' ? [note.resumed ? 'resumed' : 'plain'] : [])).join(' ');
}
const bench = () => new Bench({ resumes: true, flapThreshold: 0 }).start();

describe('the command that resumes', () => {
  test('follows a crash; after two resumed runs that did not get healthy the plain command begins again', () => {
    const watched = bench();
    for (let crash = 0; crash < 6; crash++) watched.dies(10).waitOut();
    expect(starts(watched)).toBe('plain resumed resumed plain resumed resumed plain');
  });

  test('a healthy resumed run begins the count anew', () => {
    const watched = bench();
    watched.dies(10).waitOut().dies(10).waitOut().dies(130_000).waitOut().dies(10).waitOut();
    expect(starts(watched)).toBe('plain resumed resumed resumed resumed');
  });

  test.each([
    ['a context that overflowed', { ...none, cause: 'context-overflow' }, { code: 1 }],
    ['a success', null, { code: 0 }],
  ])('does not follow %s', (_what, reading, exit) => {
    const watched = bench();
    watched.dies(10, exit, reading).waitOut();
    expect(starts(watched)).toBe('plain plain');
  });

  test('follows a limit', () => {
    const watched = bench();
    watched.dies(10, { code: 1 }, { ...none, cause: 'rate-limited', limit: { kind: 'quota', until: null, own: true } });
    watched.waitOut();
    expect(starts(watched)).toBe('plain resumed');
  });

  test.each(['running', 'in a wait'])('does not follow a restart that a person asked for while it was %s', when => {
    const watched = bench();
    if (when === 'in a wait') watched.dies(10);
    watched.take({ type: 'restart-requested', by: 'command' });
    if (when === 'running') watched.dies(10, { signal: 'SIGTERM' });
    expect(starts(watched)).toBe('plain plain');
  });

  test('follows an orphan, unless the command is another one', () => {
    const startOver = (newCommand: boolean) =>
      starts(new Bench({ resumes: true }, bench().state).start({ newCommand }));
    expect(startOver(false)).toBe('resumed');
    expect(startOver(true)).toBe('plain');
  });

  test('does not follow a stop by a person, and is never started by a schedule', () => {
    const watched = bench().dies(10);
    watched.take({ type: 'stop-requested', by: 'command', signal: null, now: false });
    expect(starts(new Bench({ resumes: true }, watched.state).start())).toBe('plain');
    const scheduled = new Bench({ resumes: true, scheduled: true }, { ...watched.state, resumeNext: true }).start();
    scheduled.take({ type: 'run-planned', due: scheduled.wall as never, waitMs: 0 });
    expect(starts(scheduled)).toBe('plain');
  });
});
