import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { heard } from '../support/heard.ts';
import { memoryOf } from '../support/processes.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { executable, run, statusOf } from '../support/watcher.ts';

/** An hour at 1 MB a second, and the first six minutes of it. */
const HOUR_BYTES = 3_600_000_000;
const EARLY_BYTES = HOUR_BYTES / 10;

test("an hour's output, as fast as it goes, through pipe and log: memory stays within 20 % of its early value", async () => {
  const folder = scratch();
  const flood = `yes '${'a line of the length that lines of logs have'.padEnd(79, '.')}' | head -c`;
  writeFileSync(
    join(folder, 'child'),
    `${flood} ${EARLY_BYTES}; echo early >&2; while [ ! -e go ]; do sleep 0.02; done
     ${flood} ${HOUR_BYTES - EARLY_BYTES}; echo late >&2; exec sleep 1000`,
  );
  // The reader is slower than the child, as readers are: bytes wait in memory all the time.
  const { said, closed } = heard(folder, 'sh', ['-c', `"${executable}" --name x -- sh ./child | wc -c`]);
  await until('the first tenth is through', () => /^early$/m.test(said.err));
  const pid = statusOf(folder, 'x').watcherPid ?? 0;
  // The pages of the executable, 45 to 60 MB, are the page cache's and would make 20 % easy.
  const own = () => memoryOf(pid, 'RssAnon');
  const early = own();
  writeFileSync(join(folder, 'go'), '');
  let most = early;
  await until('all of it is through', () => {
    most = Math.max(most, own());
    return /^late$/m.test(said.err);
  });
  expect(most).toBeLessThan(1.2 * early);
  expect(run(folder, ['stop', 'x']).code).toBe(0);
  await closed;
  expect(Number(said.out)).toBe(HOUR_BYTES);
});
