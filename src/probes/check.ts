import { lastWords } from '../core/text/escape.ts';
import { answer, LATE_MS, type Probe, type ProbeWorld, type WatchedRun } from './probe.ts';
import type { SpecOf } from './probe-spec.ts';

const KEEP_BYTES = 200;

/** Well if the command exits with 0 in time. Its last line is the reason, if it gave one. */
export function checkProbe(spec: SpecOf<'check'>, run: WatchedRun, world: ProbeWorld): Probe {
  return {
    async ask(abort) {
      const { runProbeCommand } = await import('./probe-command.ts');
      const before = world.now().mono;
      const end = await runProbeCommand({
        command: spec.command,
        cwd: world.cwd,
        env: world.commandEnv(run),
        timeLimitMs: spec.timeoutMs,
        keepBytes: KEEP_BYTES,
        abort,
      });
      const tookMs = world.now().mono - before;
      const late = end.over === 'time' && tookMs > spec.timeoutMs + LATE_MS + 1000;
      if (end.over === 'aborted' || late) return { kind: 'none', detail: 'not asked in time' };
      const said = lastWords(end.complaint) || lastWords(end.output);
      const words = said === '' ? '' : `: ${said}`;
      if (end.over === 'time') return answer(false, `not over after ${spec.timeoutMs} ms${words}`);
      if (end.code === 0) return answer(true, `exit 0${words}`);
      return answer(false, `${end.code === null ? end.signal : `exit ${end.code}`}${words}`);
    },
  };
}
