import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { deadPort } from '../servers/serving.ts';
import { lives } from '../support/processes.ts';
import { scratch } from '../support/scratch.ts';
import { executable, phaseIs, run, startWatcher, statusOf, testEnvironment } from '../support/watcher.ts';

/** A clean PATH, and nobody to tell in the environment of whoever runs the tests. */
const env = { ALERT_WEBHOOK: undefined, AGENT_WATCH_ALERT_WEBHOOK: undefined };

/** Runs on its own, so that the servers of this process can answer meanwhile. */
async function doctor(folder: string, args: string[] = [], extra: Record<string, string | undefined> = {}) {
  const watcher = startWatcher(folder, ['doctor', ...args], { env: { ...env, ...extra } });
  const { code } = await watcher.ended;
  return { code, out: watcher.out() };
}

/** The line that matches, and the cure below it. */
function finding(out: string, pattern: RegExp): { level: string; cure: string | undefined } {
  const lines = out.split('\n');
  const at = lines.findIndex(line => pattern.test(line));
  if (at === -1) throw new Error(`nothing matches ${pattern} in:\n${out}`);
  const cure = lines[at + 1]?.match(/^ +cure: (.+)/)?.[1];
  return { level: lines[at]?.split(' ', 1)[0] ?? '', cure };
}

async function watched(folder: string, name: string, args: string[], extra: Record<string, string | undefined> = {}) {
  const watcher = startWatcher(folder, ['--name', name, ...args], { env: { ...env, ...extra } });
  const { childPid } = await phaseIs(folder, name, 'running');
  return { watcher, childPid: childPid ?? -1 };
}

function besides(folder: string, command: string[]): ChildProcess {
  const [program = '', ...args] = command;
  return spawn(program, args, { cwd: folder, env: testEnvironment(folder), stdio: 'ignore' });
}

test('nothing watched yet: the folder that will be made, and 0', async () => {
  const folder = scratch();
  const { code, out } = await doctor(folder);
  expect(code).toBe(0);
  expect(finding(out, /state does not exist yet/).level).toBe('ok');
});

test('a healthy service has no serious finding but a note on its unprotected watcher', async () => {
  const folder = scratch();
  await watched(folder, 'calm', ['--alert-command', 'cat', '--', 'sleep', '300']);
  const { code, out } = await doctor(folder, ['calm']);
  expect(out).not.toMatch(/^SERIOUS/m);
  expect(code).toBe(0);
  expect(finding(out, /calm: its watcher is in no unit/)).toEqual({
    level: 'note',
    cure: expect.stringContaining('agent-watch install'),
  });
  expect(finding(out, /writable; .* free; the logs of 1 name take/).level).toBe('ok');
});

test('an unknown name is refused', async () => {
  const folder = scratch();
  expect((await doctor(folder, ['nobody'])).code).toBe(4);
});

test('a watcher that was killed: lost, and its child named', async () => {
  const folder = scratch();
  const { watcher, childPid } = await watched(folder, 'gone', ['--', 'sleep', '301']);
  watcher.process.kill('SIGKILL');
  await watcher.ended;
  expect(lives(childPid)).toBe(true);
  const { code, out } = await doctor(folder);
  expect(code).toBe(1);
  expect(finding(out, new RegExp(`gone: its watcher is gone, and its child ${childPid} runs on`)).level).toBe(
    'SERIOUS',
  );
  expect(out).not.toMatch(/runs the same command/);
});

test('held: named with the cure', async () => {
  const folder = scratch();
  startWatcher(folder, ['--name', 'stuck', '--hold-codes', '7', '--', 'sh', '-c', 'exit 7'], { env });
  await phaseIs(folder, 'stuck', 'held');
  const { code, out } = await doctor(folder);
  expect(code).toBe(1);
  expect(finding(out, /stuck: held/)).toEqual({ level: 'SERIOUS', cure: 'agent-watch reset stuck' });
});

test('a second copy beside the watched one is found, the watched one and its children are not', async () => {
  const folder = scratch();
  const command = ['sh', '-c', 'sh -c "sleep 302; :"; :'];
  await watched(folder, 'twice', ['--', ...command]);
  expect((await doctor(folder)).out).not.toMatch(/runs the same command/);
  const twin = besides(folder, command);
  const { code, out } = await doctor(folder);
  expect(code).toBe(1);
  expect(finding(out, new RegExp(`twice: process ${twin.pid} runs the same command`)).level).toBe('SERIOUS');
});

test('the same under another name may be a pool of workers', async () => {
  const folder = scratch();
  await watched(folder, 'one', ['--', 'sleep', '303']);
  await watched(folder, 'two', ['--', 'sleep', '303']);
  const { code, out } = await doctor(folder, ['one']);
  expect(code).toBe(0);
  expect(finding(out, /one: "two" run the same command/).level).toBe('note');
});

test('a command that was removed, and an interpreter that the PATH lacks', async () => {
  const folder = scratch();
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  copyFileSync('/bin/sleep', join(bin, 'my-sleep'));
  writeFileSync(join(bin, 'my-agent'), '#!/usr/bin/env aw-interpreter\nsleep 304\n');
  writeFileSync(join(bin, 'aw-interpreter'), '#!/bin/sh\nexec sleep 304\n');
  for (const file of ['my-sleep', 'my-agent', 'aw-interpreter']) chmodSync(join(bin, file), 0o755);
  const path = `${bin}:${process.env['PATH']}`;
  await watched(folder, 'tool', ['--', 'my-sleep', '304'], { PATH: path });
  await watched(folder, 'script', ['--', 'my-agent'], { PATH: path });
  // The watchers' PATH counts, not the one of whoever asks.
  expect((await doctor(folder)).out).not.toMatch(/not found/);
  rmSync(join(bin, 'my-sleep'));
  rmSync(join(bin, 'aw-interpreter'));
  const { code, out } = await doctor(folder);
  expect(code).toBe(1);
  expect(finding(out, /tool: my-sleep is not found on the PATH of its watcher/).level).toBe('SERIOUS');
  expect(finding(out, /script: .*my-agent asks for aw-interpreter, which is not found/).level).toBe('SERIOUS');
});

test('a unit whose PATH does not find the command, and whose program is gone', async () => {
  const folder = scratch();
  const bin = join(folder, 'bin');
  mkdirSync(join(folder, 'config/systemd/user'), { recursive: true });
  mkdirSync(bin);
  copyFileSync('/bin/sleep', join(bin, 'my-sleep'));
  chmodSync(join(bin, 'my-sleep'), 0o755);
  const unit = `[Service]\nExecStart=${folder}/gone/agent-watch --name far -- my-sleep 9\nEnvironment=PATH=/usr/bin:/bin\n`;
  writeFileSync(join(folder, 'config/systemd/user/agent-watch-far.service'), unit);
  const path = { PATH: `${bin}:${process.env['PATH']}` };
  await watched(folder, 'far', ['--', 'my-sleep', '305'], path);
  const { code, out } = await doctor(folder, [], { ...path, XDG_CONFIG_HOME: join(folder, 'config') });
  expect(code).toBe(1);
  expect(finding(out, /far: my-sleep is not found on the PATH of .*agent-watch-far\.service/).level).toBe('SERIOUS');
  expect(finding(out, /far: .* starts .*gone\/agent-watch, which does not exist/).level).toBe('SERIOUS');
  expect(finding(out, new RegExp(`far: .*does not search .*${bin}`)).level).toBe('note');
  expect(finding(out, /far: .*the watcher in charge is another/).level).toBe('note');
});

test('receivers and the model are reachable or not, and no address is shown', async () => {
  const folder = scratch();
  const server = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const nobody = await deadPort();
  const options = ['--alert-webhook', `http://127.0.0.1:${port}/s3cret`];
  options.push('--heartbeat-url', `http://127.0.0.1:${nobody}/s3cret`);
  options.push('--diagnose', 'ollama', '--llm-url', `http://127.0.0.1:${nobody}/s3cret`);
  await watched(folder, 'told', [...options, '--', 'sleep', '306']);
  const { code, out } = await doctor(folder);
  expect(code).toBe(1);
  expect(finding(out, new RegExp(`told: the webhook at 127.0.0.1:${port} can be reached`)).level).toBe('ok');
  expect(finding(out, new RegExp(`told: the heartbeat at 127.0.0.1:${nobody} cannot be reached`)).level).toBe(
    'SERIOUS',
  );
  expect(finding(out, new RegExp(`told: the model at 127.0.0.1:${nobody} cannot be reached`)).level).toBe('SERIOUS');
  expect(out).not.toContain('s3cret');
});

test('the webhook of this shell is tried, and a model without a key is a finding', async () => {
  const folder = scratch();
  await watched(folder, 'keyless', ['--diagnose', 'anthropic', '--alert-command', 'cat', '--', 'sleep', '307'], {
    ANTHROPIC_API_KEY: undefined,
    ANTHROPIC_AUTH_TOKEN: undefined,
    // A top-level domain that never resolves.
    ANTHROPIC_BASE_URL: 'https://model.invalid/',
    HTTPS_PROXY: undefined,
    https_proxy: undefined,
  });
  const { out } = await doctor(folder, [], { AGENT_WATCH_ALERT_WEBHOOK: 'http://127.0.0.1:9/s3cret' });
  expect(finding(out, /the webhook at 127\.0\.0\.1:9 cannot be reached/).level).toBe('SERIOUS');
  expect(finding(out, /keyless: the model cannot be asked/).level).toBe('SERIOUS');
  expect(out).not.toContain('s3cret');
});

test('output that stays in a buffer', async () => {
  const folder = scratch();
  writeFileSync(join(folder, 'python3'), '#!/bin/sh\nexec sleep 308\n', { mode: 0o755 });
  const python = join(folder, 'python3');
  await watched(folder, 'deaf', ['--', python, '-E', 'bot.py']);
  await watched(folder, 'off', ['--env', 'PYTHONUNBUFFERED=', '--', python, 'bot.py']);
  await watched(folder, 'plain', ['--', python, 'bot.py', '-E']);
  const { out } = await doctor(folder);
  expect(finding(out, /deaf: -E makes Python ignore/)).toEqual({ level: 'note', cure: 'python3 -u' });
  expect(finding(out, /off: PYTHONUNBUFFERED is set to nothing/).level).toBe('note');
  expect(out).not.toMatch(/plain: .*PYTHONUNBUFFERED/);
});

test('a state folder that others may write, and one that cannot be made', async () => {
  const folder = scratch();
  mkdirSync(join(folder, 'state'));
  chmodSync(join(folder, 'state'), 0o777);
  expect(finding((await doctor(folder)).out, /others may write .*mode 777/).level).toBe('note');
  writeFileSync(join(folder, 'file'), '');
  const { code, out } = await doctor(folder, ['--state-dir', join(folder, 'file/state')]);
  expect(code).toBe(1);
  expect(finding(out, /cannot be created/).level).toBe('SERIOUS');
});

test('a stopped one needs nothing', async () => {
  const folder = scratch();
  const { watcher } = await watched(folder, 'done', ['--', 'sleep', '309']);
  run(folder, ['stop', 'done']);
  await watcher.ended;
  expect(statusOf(folder, 'done').phase).toBe('stopped');
  const { code, out } = await doctor(folder);
  expect(code).toBe(0);
  expect(finding(out, /done: stopped; nothing to say/).level).toBe('ok');
});

test('a watcher continues when its executable is replaced, and doctor says that it runs the old one', async () => {
  const folder = scratch();
  const program = join(folder, 'agent-watch');
  copyFileSync(executable, program);
  startWatcher(folder, ['--name', 'old', '--', 'sleep', '300'], { program: [program], env });
  await phaseIs(folder, 'old', 'running');
  expect((await doctor(folder, ['old'])).out).not.toMatch(/replaced or removed/);
  copyFileSync(executable, `${program}.new`);
  renameSync(`${program}.new`, program);
  expect(
    finding((await doctor(folder, ['old'])).out, /old: its watcher runs an executable that has been replaced/),
  ).toEqual({
    level: 'note',
    cure: 'agent-watch restart --watcher old',
  });
  expect(run(folder, ['stop', 'old'])).toMatchObject({ code: 0 });
});

test('a port of --listen that somebody else has is named, with who has it', async () => {
  const folder = scratch();
  const server = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await watched(folder, 'deaf', ['--listen', String(port), '--', 'sleep', '300']);
  const { code, out } = await doctor(folder, ['deaf']);
  expect(code).toBe(1);
  expect(finding(out, new RegExp(`deaf: --listen 127.0.0.1:${port} is not served`))).toMatchObject({
    level: 'SERIOUS',
  });
  expect(out).toContain(`taken by process ${process.pid}`);
});
