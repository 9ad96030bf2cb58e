import type { Answer, Request } from '../control/protocol.ts';
import type { Caller } from '../control/server.ts';
import { EXIT } from '../core/exit-code.ts';
import type { Phase, Signal } from '../core/model.ts';
import { refusal } from '../core/requests.ts';
import { whyNoReset } from '../host/own-process.ts';
import { isForbidden } from '../host/process-signals.ts';
import { survivorOf } from '../host/survivor.ts';
import type { Written } from '../state/atomic-file.ts';
import type { Supervisor } from './supervisor.ts';

/** Whose requests are answered. */
export interface Answering {
  name: string;
  stateDir: string;
  supervisor: Supervisor;
  /** Takes the hold off the disk; says why that fails. */
  liftHold(): Written;
  /** Keeps who asked for what. */
  record?(kind: 'requested', text: string): void;
}

/** Answers a request at once; what it asks for begins with the answer and need not be over. */
export function answer(answering: Answering, request: Request, caller: Caller | null): Answer {
  const what = requestText(request, caller);
  if (request.verb !== 'status') answering.record?.('requested', what);
  const said = answered(answering, request, caller);
  if (!said.ok) answering.record?.('requested', `${what} refused: ${said.why}`);
  return said;
}

function requestText(request: Request, caller: Caller | null): string {
  const what = request.verb === 'signal' ? `signal ${request.signal}` : request.verb;
  const now = request.verb === 'stop' && request.now ? ' --now' : '';
  const claimed = request.from === undefined ? '' : ` by ${request.from}`;
  // What a caller says of itself is a claim: where it names another process, the kernel's word is added.
  const known = caller === null || claimed.includes(`(pid ${caller.pid}`);
  const by = known ? claimed : `${claimed}, in fact by process ${caller.pid} of user ${caller.uid}`;
  return `${what}${now} requested${by}`;
}

function answered(answering: Answering, request: Request, caller: Caller | null): Answer {
  const { name, stateDir, supervisor, liftHold } = answering;
  const { phase } = supervisor.state;
  const run = 'live' in phase ? phase.live : null;
  switch (request.verb) {
    case 'status':
      return { ok: true, phase: phase.kind };
    case 'stop':
      supervisor.take({ type: 'stop-requested', by: 'command', signal: null, now: request.now });
      return { ok: true };
    case 'restart': {
      const why = refusal(phase, 'restart');
      if (why !== null) return { ok: false, why, exit: EXIT.usage };
      supervisor.take({ type: 'restart-requested', by: 'command' });
      return { ok: true };
    }
    case 'reset': {
      const of = run ?? supervisor.state.clearing;
      const mark = { runId: of?.runId ?? null, childPid: of?.pid ?? null, startTicks: of?.startTicks ?? null };
      const asker = caller ?? { pid: request.pid };
      const why =
        whyUnproved(phase, caller) ??
        whyNoReset(asker, { name, stateDir, ...mark }) ??
        (request.keepsKillHold ? whyKept(phase) : null) ??
        whyNotNow(phase, liftHold);
      if (why !== null) return { ok: false, why, exit: EXIT.usage };
      supervisor.take({ type: 'reset-requested', by: 'command' });
      return { ok: true };
    }
    case 'signal':
      if (run === null) return { ok: false, why: `there is no child to signal: it is ${phase.kind}`, exit: EXIT.usage };
      if (isForbidden(run.pid))
        return { ok: false, why: `pid ${run.pid} ${survivorOf(run.pid).why}`, exit: EXIT.usage };
      supervisor.take({ type: 'signal-requested', by: 'command', signal: request.signal as Signal });
      return { ok: true, pid: run.pid };
    default:
      return request satisfies never;
  }
}

/** A claimed pid is good enough for a backoff, and not for the hold of a kill condition. */
function whyUnproved(phase: Phase, caller: Caller | null): string | null {
  const asked = caller !== null || phase.kind !== 'held' || phase.hold.cause !== 'kill-condition';
  return asked ? null : 'the kernel cannot be asked who asks (no node:ffi): stop the watcher, then reset on a terminal';
}

/** A hold whose file cannot be read may be a kill condition's. */
function whyKept(phase: Phase): string | null {
  if (phase.kind !== 'held' || phase.hold.cause === 'max-restarts' || phase.hold.cause === 'hold-code') return null;
  return `held by its kill condition (${phase.hold.why}); a person clears it`;
}

/** A hold that stays on the disk binds whatever the machine says; one that is just coming cannot be lifted yet. */
function whyNotNow(phase: Phase, liftHold: () => Written): string | null {
  if (phase.kind === 'stopping' && phase.cause === 'kill-condition') {
    return 'its kill condition is stopping it at this moment; reset it once it is held';
  }
  if (phase.kind !== 'held') return null;
  const lifted = liftHold();
  return lifted.ok ? null : `the hold cannot be lifted: ${lifted.why}`;
}
