import { describe, expect, test } from 'vitest';
import { detailsOf } from '../../../src/incidents/triage/details.ts';

describe('the port that a line names', () => {
  test.each([
    ['OSError: [Errno 98] Address already in use', null],
    ['OSError: [Errno 48] Address already in use', null],
    ['error: Address already in use (os error 98)', null],
    ['[WinError 10048] Only one usage of each socket address is normally permitted', null],
    ['bind failed, errno: 98 (address in use)', null],
    ['bind failed, errno=98: address in use', null],
    ['bind failed, errno:98, address in use', null],
    ['bind: address in use, error code 10048', null],
    ['server.py:98: address already in use', null],
    ['address already in use, held by pid 4711', null],
    ['[Errno 98] error while attempting to bind on address ("0.0.0.0", 8080): address already in use', '8080'],
    ['Error: listen EADDRINUSE: address already in use :::3000', '3000'],
    ['bind() to 0.0.0.0:80 failed (98: Address already in use)', '80'],
    ['listen tcp :9090: bind: address already in use', '9090'],
    ['Port 5000 is in use by another program', '5000'],
    ['Address localhost:8501 is in use (os error 48)', '8501'],
    ['cannot listen on 7860: address already in use', '7860'],
  ])('%s: %s', (line, port) => {
    expect(detailsOf(line, 'port-in-use').port).toBe(port);
  });
});
