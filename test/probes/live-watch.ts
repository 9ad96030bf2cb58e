import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { HealthState, ProbeReport, Verdict } from '../../src/core/health-model.ts';
import { type HealthTurn, healthStep, startHealth } from '../../src/core/health-step.ts';
import type { RunId } from '../../src/core/model.ts';
import { stampNow } from '../../src/host/clock.ts';
import { readProcess } from '../../src/host/process-table.ts';
import { healthPolicy } from '../../src/probes/kinds.ts';
import type { ProbeSpec, ProbeWorld } from '../../src/probes/probe.ts';
import { createProbeRunner } from '../../src/probes/runner.ts';

export type Own = Partial<ProbeSpec> & Pick<ProbeSpec, 'kind'>;

export interface LiveWatch {
  readonly child: ChildProcess;
  readonly verdicts: readonly Verdict[];
  readonly state: HealthState;
  elapsedMs(): number;
  close(): void;
}

const basics = {
  severity: 'critical',
  intervalMs: 30_000,
  timeoutMs: 5000,
  retries: 3,
  startPeriodMs: 0,
} as const;

const world: ProbeWorld = {
  now: stampNow,
  cwd: '/',
  commandEnv: () => ({ PATH: process.env['PATH'] ?? '/usr/bin:/bin' }),
};

/** A real child, real probes and real time around the judge, put together as a supervisor does it. */
export function liveWatch(
  script: string,
  own: Own[],
  env: NodeJS.ProcessEnv,
  told: (verdict: Verdict) => void,
): LiveWatch {
  const child = spawn('/bin/sh', ['-c', script], { detached: true, stdio: ['ignore', 'pipe', 'pipe'], env });
  const { pid } = child;
  if (pid === undefined) throw new Error('the child did not start');
  const specs = own.map(one => ({ ...basics, name: one.kind, ...one }) as ProbeSpec);
  const policy = healthPolicy(specs, null);
  const verdicts: Verdict[] = [];
  let state: HealthState;
  let timer: NodeJS.Timeout | undefined;

  function follow(turn: HealthTurn): void {
    state = turn.state;
    for (const verdict of turn.verdicts) {
      verdicts.push(verdict);
      told(verdict);
    }
    runner.ask(turn.ask);
    clearTimeout(timer);
    if (state.nextTickAt !== null) timer = setTimeout(tick, Math.max(0, state.nextTickAt - stampNow().mono));
  }
  const tick = () => follow(healthStep(policy, state, { type: 'tick' }, stampNow()));
  const take = (_run: RunId, reports: readonly ProbeReport[]) =>
    follow(healthStep(policy, state, { type: 'probes-reported', reports }, stampNow()));

  const runner = createProbeRunner(specs, null, world, take);
  runner.startRun({
    runId: randomBytes(16).toString('hex') as RunId,
    pid,
    startTicks: readProcess(pid)?.startTicks ?? null,
  });
  child.stdout?.on('data', bytes => runner.hear('stdout', bytes));
  child.stderr?.on('data', bytes => runner.hear('stderr', bytes));
  const startedAt = performance.now();
  follow(startHealth(policy, stampNow()));
  return {
    child,
    verdicts,
    get state() {
      return state;
    },
    elapsedMs: () => performance.now() - startedAt,
    close() {
      clearTimeout(timer);
      runner.endRun();
      process.kill(-pid, 'SIGKILL');
    },
  };
}
