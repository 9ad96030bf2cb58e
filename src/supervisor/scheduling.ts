import type { Report, SchedulePort } from '../core/ports.ts';
import { stampNow } from '../host/clock.ts';
import { nextDue, occurrencesIn, revisedDue, type Schedule, waitMs } from '../probes/schedule.ts';

/** Answers the machine's questions about the schedule. */
export function createScheduling(schedule: Schedule, report: Report): SchedulePort {
  return {
    plan(due, lastDue, since) {
      const { wall } = stampNow();
      const next = due === null ? nextDue(schedule, lastDue, wall) : revisedDue(schedule, due, lastDue, wall);
      const skipped = since === undefined ? 0 : occurrencesIn(schedule, since, wall);
      report({ type: 'run-planned', due: next, waitMs: next === null ? 0 : waitMs(next, wall), skipped });
    },
  };
}
