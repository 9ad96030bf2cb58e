import { existsSync, readFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { FRESH_STATE } from '../../../src/core/decide.ts';
import type { RunId } from '../../../src/core/model.ts';
import { openStateFolder } from '../../../src/state/state-folder.ts';
import { rejectionOf } from '../../../src/supervisor/response/acceptance.ts';
import { lives } from '../../support/processes.ts';
import { scratch } from '../../support/scratch.ts';

test('a check that exceeds its time limit is ended and rejects the run', async () => {
  const folder = scratch();
  const place = openStateFolder(`${folder}/state`, 'agent');
  onTestFinished(() => place.close());
  const pid = `${folder}/pid`;
  const output = Buffer.from('done\n');
  const world = {
    checks: { accept: `echo $$ > ${pid}; exec sleep 1000` },
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '', AW_TEST_FOLDER: folder },
    notifications: { alerts: null, diagnosis: null },
    place,
    ringBytes: 1024,
    log: null,
    state: () => FRESH_STATE,
  };
  const run = { run: 1, runId: 'run-1' as RunId, healthy: false, inMemory: output };
  const rejection = await rejectionOf(world, run, new AbortController().signal, 1000);
  expect(rejection).toEqual({ by: 'accept', reason: 'the --accept command did not end within 1s' });
  expect(existsSync(pid)).toBe(true);
  expect(lives(Number(readFileSync(pid, 'utf8')))).toBe(false);
});
