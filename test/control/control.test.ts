import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Answer, ask, REQUEST_LIMIT_BYTES, type Request } from '../../src/control/protocol.ts';
import { type Answerer, type ControlServer, openControl } from '../../src/control/server.ts';
import { startTalker } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const echo: Answerer = request => ({ ok: true, request });

async function serve(folder: string, answer: Answerer = echo, clientMs = 2000): Promise<ControlServer> {
  const server = await openControl([folder], answer, { clientMs });
  if (typeof server === 'string') throw new Error(server);
  onTestFinished(() => server.close());
  return server;
}

/** Longer than any answer takes on a busy machine. */
const PATIENT_MS = 60_000;

async function answerTo(folder: string, request: Request): Promise<Answer> {
  const asked = await ask([folder], request, PATIENT_MS);
  if (asked.kind !== 'answered') throw new Error(JSON.stringify(asked));
  asked.hangUp();
  return asked.answer;
}

/** A client that speaks no protocol: what it got when the server hung up, or null while it has not. */
function rawClient(folder: string, text: string | Buffer): { socket: Socket; got(): string; ended(): boolean } {
  const socket = connect(join(folder, 'control'));
  let got = '';
  let ended = false;
  socket.on('data', chunk => {
    got += chunk;
  });
  socket.on('error', () => {
    ended = true;
  });
  socket.on('close', () => {
    ended = true;
  });
  socket.write(text);
  onTestFinished(() => void socket.destroy());
  return { socket, got: () => got, ended: () => ended };
}

test('clients that connect and say nothing keep no request out', async () => {
  const folder = scratch();
  await serve(folder);
  const idle = Array.from({ length: 80 }, () => rawClient(folder, ''));
  await until('all are connected', () => idle.every(({ socket, ended }) => !socket.connecting || ended()));
  expect(await answerTo(folder, { verb: 'status' })).toMatchObject({ ok: true });
});

describe('asking', () => {
  const requests: Request[] = [
    { verb: 'status' },
    { verb: 'stop', now: true },
    { verb: 'restart' },
    { verb: 'reset', pid: 42 },
    { verb: 'signal', signal: 'SIGUSR1' },
  ];
  for (const request of requests) {
    test(`${request.verb} arrives as it was asked`, async () => {
      const folder = scratch();
      await serve(folder);
      expect(await answerTo(folder, request)).toEqual({ ok: true, request });
    });
  }

  test('a refusal comes with its words and exit code, and so does what is thrown', async () => {
    const folder = scratch();
    await serve(folder, ({ verb }) => {
      if (verb === 'status') throw new Error('no status\nat all');
      return { ok: false, why: 'held by the kill condition', exit: 125 };
    });
    const refusal = { ok: false, why: 'held by the kill condition', exit: 125 };
    expect(await answerTo(folder, { verb: 'restart' })).toEqual(refusal);
    expect(await answerTo(folder, { verb: 'status' })).toEqual({ ok: false, why: 'no status', exit: 125 });
  });

  test('an answer of a megabyte arrives whole', async () => {
    const folder = scratch();
    const rows = 'x'.repeat(1_000_000);
    await serve(folder, () => ({ ok: true, rows }));
    expect(await answerTo(folder, { verb: 'status' })).toEqual({ ok: true, rows });
  });

  test('sixty at once are all answered', async () => {
    const folder = scratch();
    await serve(folder);
    const pids = Array.from({ length: 60 }, (_, index) => index);
    const answers = await Promise.all(pids.map(pid => answerTo(folder, { verb: 'reset', pid })));
    expect(answers).toEqual(pids.map(pid => ({ ok: true, request: { verb: 'reset', pid } })));
  });

  test('no watcher: no socket, a stale one, a file in its place, no folder', async () => {
    const folder = scratch();
    const nobody = { kind: 'nobody' };
    expect(await ask([folder], { verb: 'status' }, PATIENT_MS)).toEqual(nobody);
    expect(await ask([join(folder, 'missing')], { verb: 'status' }, PATIENT_MS)).toEqual(nobody);
    const killed = await startTalker(folder, 'control-server.ts', [], [folder]);
    await killed.kill();
    expect(existsSync(join(folder, 'control'))).toBe(true);
    expect(await ask([folder], { verb: 'status' }, PATIENT_MS)).toEqual(nobody);
    rmSync(join(folder, 'control'));
    writeFileSync(join(folder, 'control'), '');
    expect(await ask([folder], { verb: 'status' }, PATIENT_MS)).toEqual(nobody);
  });

  test('the first folder in which a watcher listens answers', async () => {
    const [empty, folder] = [scratch(), scratch()];
    await serve(folder);
    const asked = await ask([empty, folder], { verb: 'status' }, PATIENT_MS);
    expect(asked.kind).toBe('answered');
  });

  test('a watcher that never answers, or answers nonsense, is reported within the time limit', async () => {
    for (const [say, why] of [
      ['', 'the watcher does not answer'],
      ['{"ok":', null],
      ['garbage\n', 'the answer is not valid'],
      ['{"ok":false}\n', 'the answer is not valid'],
    ] as const) {
      const folder = scratch();
      const server = createServer(socket => void socket.on('error', () => undefined).write(say));
      await new Promise<void>(resolve => server.listen(join(folder, 'control'), resolve));
      onTestFinished(() => void server.close());
      const begun = performance.now();
      expect(await ask([folder], { verb: 'status' }, 200)).toEqual({
        kind: 'failed',
        why: why ?? 'the watcher does not answer',
      });
      expect(performance.now() - begun).toBeLessThan(PATIENT_MS / 2);
    }
  });
});

describe('waiting for the end after a stop', () => {
  for (const now of [false, true]) {
    test(`sees it, ${now ? 'by kill -9' : 'orderly'}, and the socket left behind is replaced`, async () => {
      const folder = scratch();
      await startTalker(folder, 'control-server.ts', [], [folder]);
      const asked = await ask([folder], { verb: 'stop', now }, PATIENT_MS);
      if (asked.kind !== 'answered') throw new Error(asked.kind);
      expect(asked.answer).toMatchObject({ ok: true });
      expect(await asked.ended(PATIENT_MS)).toBe(true);
      expect(await ask([folder], { verb: 'status' }, PATIENT_MS)).toEqual({ kind: 'nobody' });
      await serve(folder);
      expect(await answerTo(folder, { verb: 'restart' })).toMatchObject({ ok: true });
    });
  }

  test('gives up at its deadline, and the watcher continues', async () => {
    const folder = scratch();
    await serve(folder);
    const asked = await ask([folder], { verb: 'stop', now: false }, PATIENT_MS);
    if (asked.kind !== 'answered') throw new Error(asked.kind);
    expect(await asked.ended(100)).toBe(false);
    asked.hangUp();
    expect(await answerTo(folder, { verb: 'status' })).toMatchObject({ ok: true });
  });

  test('the socket is gone before the connection is, so that the next watcher keeps its own', async () => {
    const folder = scratch();
    const server = await serve(folder);
    const asked = await ask([folder], { verb: 'stop', now: false }, PATIENT_MS);
    if (asked.kind !== 'answered') throw new Error(asked.kind);
    server.stopAccepting();
    expect(existsSync(join(folder, 'control'))).toBe(false);
    expect(await asked.ended(50)).toBe(false);
    await serve(folder);
    await server.close();
    expect(await asked.ended(PATIENT_MS)).toBe(true);
    expect(await answerTo(folder, { verb: 'restart' })).toMatchObject({ ok: true });
  });

  test('is not cut by the time that slow clients get', async () => {
    const folder = scratch();
    const server = await serve(folder, echo, 100);
    const asked = await ask([folder], { verb: 'stop', now: false }, PATIENT_MS);
    if (asked.kind !== 'answered') throw new Error(asked.kind);
    expect(await asked.ended(400)).toBe(false);
    await server.close();
    expect(await asked.ended(PATIENT_MS)).toBe(true);
  });
});

describe('clients that misbehave', () => {
  const lines: [string, string | Buffer, RegExp][] = [
    ['no JSON', 'hello\n', /not JSON/],
    ['no object', '[1]\n', /not a JSON object/],
    ['another version', '{"v":2,"verb":"status"}\n', /version 1/],
    ['an unknown verb', '{"v":1,"verb":"constructor"}\n', /unknown request/],
    ['a field missing', '{"v":1,"verb":"signal"}\n', /lacks something/],
    ['binary', Buffer.from([0, 255, 10]), /not JSON/],
    ['a line that is too long', `${'x'.repeat(REQUEST_LIMIT_BYTES + 1)}\n`, /longer than 65536/],
    ['a line without end', 'y'.repeat(REQUEST_LIMIT_BYTES * 4), /longer than 65536/],
  ];
  for (const [what, text, why] of lines) {
    test(`${what}: refused in one line`, async () => {
      const folder = scratch();
      await serve(folder);
      const client = rawClient(folder, text);
      await until('it is refused', () => client.got().endsWith('\n'));
      expect(JSON.parse(client.got())).toEqual({ ok: false, why: expect.stringMatching(why), exit: 125 });
      expect(await answerTo(folder, { verb: 'status' })).toMatchObject({ ok: true });
    });
  }

  test('a request in single bytes is one request, and one that ends its side is answered', async () => {
    const folder = scratch();
    await serve(folder);
    const client = rawClient(folder, '');
    for (const byte of '{"v":1,"verb":"status"}\n') client.socket.write(byte);
    client.socket.end();
    await until('it is answered', () => client.got().endsWith('\n'));
    expect(JSON.parse(client.got())).toMatchObject({ ok: true });
  });

  test('one that says nothing, and one that does not read, are hung up on in time', async () => {
    const folder = scratch();
    await serve(folder, () => ({ ok: true, rows: 'x'.repeat(8_000_000) }), 200);
    const silent = rawClient(folder, '');
    const deaf = rawClient(folder, '{"v":1,"verb":"status"}\n');
    deaf.socket.pause();
    await until('the silent one is gone', silent.ended);
    await until(
      'the socket is free',
      async () => (await ask([folder], { verb: 'status' }, PATIENT_MS)).kind === 'answered',
    );
    deaf.socket.resume();
    await until('the deaf one is gone', deaf.ended);
  });

  test('clients that leave at any moment do no harm', async () => {
    const folder = scratch();
    let asked = 0;
    await serve(folder, async request => {
      asked++;
      await new Promise(resolve => setTimeout(resolve, 20));
      return { ok: true, request };
    });
    for (const text of ['', '{"v":1,', '{"v":1,"verb":"status"}\n']) {
      for (let round = 0; round < 10; round++) {
        const client = rawClient(folder, text);
        client.socket.on('connect', () => client.socket.destroy());
      }
    }
    await until('some asked', () => asked > 0);
    await until(
      'it is answered',
      async () => (await ask([folder], { verb: 'status' }, PATIENT_MS)).kind === 'answered',
    );
  });

  test('a crowd is cut at a limit and the ear stays open', async () => {
    const folder = scratch();
    await serve(folder, echo, 500);
    const crowd = Array.from({ length: 200 }, () => rawClient(folder, ''));
    await until('most are turned away', () => crowd.filter(client => client.ended()).length >= 100);
    await until(
      'then there is room',
      async () => (await ask([folder], { verb: 'status' }, PATIENT_MS)).kind === 'answered',
    );
  });
});

describe('the socket', () => {
  test('is 0600 whatever the umask, and gone after the end', async () => {
    const folder = scratch();
    const before = process.umask(0);
    onTestFinished(() => void process.umask(before));
    const server = await serve(folder);
    expect(statSync(join(folder, 'control')).mode & 0o777).toBe(0o600);
    await server.close();
    expect(existsSync(join(folder, 'control'))).toBe(false);
  });

  for (const length of [60, 100, 107, 108, 200, 900]) {
    test(`is bound and reached in a folder whose path has ${length} bytes`, async () => {
      const outer = scratch();
      let folder = outer;
      while (folder.length + 101 < length) folder = join(folder, 'd'.repeat(80));
      folder = join(folder, 'e'.repeat(Math.max(1, length - folder.length - 1)));
      mkdirSync(folder, { recursive: true });
      const server = await serve(folder);
      expect(await answerTo(folder, { verb: 'restart' })).toMatchObject({ ok: true });
      expect(readdirSync(folder)).toEqual(['control']);
      await server.close();
      expect(readdirSync(folder)).toEqual([]);
    });
  }

  test('replaces what lies in its place, a link included, without following it', async () => {
    const folder = scratch();
    writeFileSync(join(folder, 'precious'), 'kept');
    symlinkSync(join(folder, 'precious'), join(folder, 'control'));
    await serve(folder);
    expect(await answerTo(folder, { verb: 'restart' })).toMatchObject({ ok: true });
    expect(readdirSync(folder).sort()).toEqual(['control', 'precious']);
  });

  test('that cannot be bound is a sentence; the next folder is tried', async () => {
    const [first, second] = [scratch(), scratch()];
    mkdirSync(join(first, 'control/full'), { recursive: true });
    expect(await openControl([first, join(second, 'missing')], echo)).toMatch(
      /control: E(ISDIR|PERM).*; .*missing\/control: E(NOENT|ACCES)/,
    );
    const server = await openControl([first, second], echo);
    if (typeof server === 'string') throw new Error(server);
    onTestFinished(() => server.close());
    expect(server.folder).toBe(second);
    chmodSync(second, 0o700);
  });
});
