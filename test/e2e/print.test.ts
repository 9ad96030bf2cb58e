import { execFileSync, spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { scratch } from '../support/scratch.ts';
import { executable, run } from '../support/watcher.ts';

const python = spawnSync('python3', ['--version']).status === 0;

test('a full disk under what a command says is one line and 125', () => {
  const { status, stderr } = spawnSync('sh', ['-c', `'${executable}' --help > /dev/full`], { encoding: 'utf8' });
  expect(stderr).toBe('agent-watch: cannot write to standard output: ENOSPC: no space left on device\n');
  expect(status).toBe(125);
});

test('a reader that goes early, and a stdout that was closed, are no faults', () => {
  for (const end of ['| true', '>&-']) {
    const { stderr } = spawnSync('sh', ['-c', `'${executable}' --help ${end}`], { encoding: 'utf8' });
    expect(stderr).toBe('');
  }
});

test('a reader that has seen enough of logs or events ends them without a word', () => {
  const folder = scratch();
  run(folder, ['--name', 'bot', '--restart', 'never', '--', 'seq', '1', '60000']);
  const shown = ['logs bot -n 60000', 'logs bot -n 60000 --raw', 'logs bot -n 60000 -t', 'logs bot -f -n 60000'];
  for (const look of shown) {
    const shell = `'${executable}' --state-dir state ${look} | head -1`;
    const { stderr, stdout } = spawnSync('sh', ['-c', shell], { cwd: folder, encoding: 'utf8', timeout: 60_000 });
    expect(stderr, look).toBe('');
    expect(stdout, look).not.toBe('');
  }
});

/** Gives the command a non-blocking pipe of one page as stdout, and reads it only when that is full. */
const SLOW_READER = `
import fcntl, os, subprocess, sys
r, w = os.pipe()
os.set_blocking(w, False)
fcntl.fcntl(w, 1031, 4096)
child = subprocess.Popen(sys.argv[1:], stdout=w)
while True:
    size = int.from_bytes(fcntl.ioctl(r, 0x541b, b'\\0\\0\\0\\0'), sys.byteorder)
    if size >= 4096: break
os.close(w)
while True:
    some = os.read(r, 65536)
    if not some: break
    sys.stdout.buffer.write(some)
sys.exit(child.wait())
`;

test.skipIf(!python || process.platform !== 'linux')(
  'all of it comes through a full non-blocking pipe (python3)',
  () => {
    const whole = execFileSync(executable, ['completion', 'bash'], { encoding: 'utf8' });
    expect(whole.length).toBeGreaterThan(4096);
    const through = execFileSync('python3', ['-c', SLOW_READER, executable, 'completion', 'bash'], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    expect(through).toBe(whole);
  },
);
