import { runTool } from '../host/tool.ts';
import { UsageError } from './usage-error.ts';

/**
 * Changes the user's crontab, line by line; an unchanged one is not written. Where there is none yet, crontab(1) fails and says so: that
 * is an empty one. Returns whether it was changed.
 *
 * @throws UsageError where there is no cron, or it refuses.
 */
export async function rewriteCrontab(change: (lines: readonly string[]) => readonly string[]): Promise<boolean> {
  const read = await runTool(['crontab', '-l']);
  if (read.code === null) throw new UsageError('no cron is here (crontab was not found); --print shows the line');
  if (read.code !== 0 && !/no crontab/i.test(read.complaint))
    throw new UsageError(`the crontab cannot be read: ${read.complaint.trim()}`);
  const lines = read.code === 0 ? read.output.replace(/\n$/, '').split('\n') : [];
  const before = lines.filter((line, index) => line !== '' || index < lines.length - 1);
  const after = change(before).map(line => line.replace(/\n$/, ''));
  if (JSON.stringify(after) === JSON.stringify(before)) return false;
  const written = await runTool(['crontab', '-'], after.map(line => `${line}\n`).join(''));
  if (written.code !== 0) throw new UsageError(`the crontab cannot be written: ${written.complaint.trim()}`);
  return true;
}
