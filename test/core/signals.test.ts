import { describe, expect, test } from 'vitest';
import { shellCode, signalName, signalNumber } from '../../src/core/signals.ts';

describe('real-time signals', () => {
  test.each([
    [32, 'SIG32'],
    [33, 'SIG33'],
    [34, 'SIGRTMIN'],
    [37, 'SIGRTMIN+3'],
    [49, 'SIGRTMIN+15'],
    [50, 'SIGRTMAX-14'],
    [64, 'SIGRTMAX'],
  ])('%d is %s', (number, name) => {
    expect(signalName(number)).toBe(name);
    expect(signalNumber(name)).toBe(number);
    expect(shellCode({ code: null, signal: signalName(number) })).toBe(128 + number);
  });

  test.each([
    ['SIGRTMIN+30', 64],
    ['SIGRTMAX-30', 34],
  ])('%s is %d too', (name, number) => expect(signalNumber(name)).toBe(number));

  test.each(['SIGRTMIN-1', 'SIGRTMAX+1', 'SIGRTMIN+31', 'SIGRTMIN+', 'SIGRT', 'SIG65', 'SIG0', 'SIGNOPE', ''])(
    '%j is none',
    name => expect(signalNumber(name)).toBeNull(),
  );

  test('every number has a name that leads back to it', () => {
    for (let number = 1; number <= 64; number++) expect(signalNumber(signalName(number))).toBe(number);
  });
});
