import type { TimerId } from '../core/model.ts';
import type { Report, TimerPort } from '../core/ports.ts';

/** The longest delay a Node timer takes; a longer one would fire at once. */
const LONGEST_MS = 2 ** 31 - 1;

/** Timers of the event loop, whose clock is the monotonic one. A fired or disarmed timer is forgotten. */
export function createTimers(report: Report): TimerPort {
  const armed = new Map<TimerId, NodeJS.Timeout>();

  function arm(timer: TimerId, delayMs: number): void {
    const stretchMs = Math.min(delayMs, LONGEST_MS);
    const ring = () => {
      if (delayMs > stretchMs) return arm(timer, delayMs - stretchMs);
      armed.delete(timer);
      report({ type: 'timer-fired', timer });
    };
    armed.set(timer, setTimeout(ring, stretchMs));
  }

  return {
    arm,
    disarm(timer) {
      clearTimeout(armed.get(timer));
      armed.delete(timer);
    },
  };
}
