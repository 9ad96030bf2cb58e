import { describe, expect, test } from 'vitest';
import { hangSentence, type ProcessAutopsy } from '../../src/core/autopsy.ts';

const idle: ProcessAutopsy = {
  pid: 40,
  parent: 1,
  command: '/usr/bin/python3 /srv/agent.py --once',
  state: 'S',
  waitChannel: 'do_epoll_wait',
  threads: 1,
  runningThreads: 0,
  waits: [{ call: 'epoll_wait', on: null, threads: 1 }],
  sockets: [],
  files: [],
  cpuShare: 0,
};
const socket = {
  local: '10.0.0.9:51000',
  peer: '10.0.0.5:443',
  state: 'ESTABLISHED',
  receivedAgoMs: 840_000,
  receiveQueue: 0,
  sendQueue: 0,
};
const call = (name: string, on: string | null = null) => ({ waits: [{ call: name, on, threads: 1 }] });

describe('what a run hangs on', () => {
  test.each<[Partial<ProcessAutopsy>, string]>([
    [{ sockets: [socket] }, 'waits for 10.0.0.5:443 (ESTABLISHED, nothing received for 14m)'],
    [{ sockets: [{ ...socket, state: 'CLOSE_WAIT' }] }, 'holds a connection that 10.0.0.5:443 has closed (CLOSE_WAIT)'],
    [{ sockets: [{ ...socket, state: 'SYN_SENT' }] }, 'waits for a connection to 10.0.0.5:443 (SYN_SENT)'],
    [
      { sockets: [{ ...socket, sendQueue: 900 }] },
      'waits for 10.0.0.5:443 (ESTABLISHED, nothing received for 14m, 900 bytes not acknowledged)',
    ],
    [call('futex'), 'waits for a lock held by another thread or process (futex)'],
    [call('flock', '/srv/db.lock'), 'waits for the lock on /srv/db.lock (flock)'],
    [call('read', 'a pipe'), 'waits for input from a pipe (read)'],
    [call('write', 'a pipe'), 'waits for the reader of a pipe (write)'],
    [call('read', 'standard input (a pipe)'), 'waits for input from standard input (a pipe) (read)'],
    [
      { ...call('openat'), waitChannel: 'wait_for_partner' },
      'waits for another program to open the other end of a named pipe (openat)',
    ],
    [
      { ...call('poll'), sockets: [socket, { ...socket, peer: '127.0.0.53:53', state: 'UDP' }] },
      'waits for 127.0.0.53:53 to look up a name (UDP)',
    ],
    [
      { ...call('accept4', '0.0.0.0:0 LISTEN'), sockets: [{ ...socket, local: '0.0.0.0:80', state: 'LISTEN' }] },
      'waits for connections on 0.0.0.0:80 (accept4)',
    ],
    [call('rt_sigtimedwait'), 'waits for a signal (rt_sigtimedwait)'],
    [call('clock_nanosleep'), 'sleeps (clock_nanosleep)'],
    [{ state: 'T' }, 'is stopped by SIGSTOP or another stop signal, and goes on after SIGCONT'],
    [{ state: 'D', waitChannel: 'nfs_wait_bit' }, 'waits for a disk or network file system (nfs_wait_bit)'],
  ])('%j', (doing, words) => {
    expect(hangSentence([{ ...idle, ...doing }])).toBe(`python3 agent.py (pid 40) ${words}; no CPU time used`);
  });

  test('is what the child of a shell waits for, not that the shell waits for its child', () => {
    const shell = { ...idle, pid: 39, command: 'sh -c x', ...call('wait4') };
    const child = { ...idle, ...call('recvfrom', '10.0.0.5:443 ESTABLISHED'), sockets: [socket], cpuShare: 0.031 };
    expect(hangSentence([shell, child])).toBe(
      'python3 agent.py (pid 40) waits for 10.0.0.5:443 (ESTABLISHED, nothing received for 14m); 3% of a core used',
    );
  });
});
