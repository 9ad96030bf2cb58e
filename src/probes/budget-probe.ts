import type { BudgetKeeper } from './keepers.ts';
import { answer, type Probe, type SpeakUp, type SpecOf } from './probe.ts';

/** The share of a budget at which it is alerted. */
const ALERT_SHARE = 0.8;

/** Well while there is some of a budget left. The stage that stops is made first and listens; the alerting one looks on. */
export function budgetProbe(spec: SpecOf<'budget'>, keeper: BudgetKeeper, speakUp: SpeakUp): Probe {
  const stops = spec.stage === 'stop';
  const { limit } = spec.budget;
  let failing = false;
  if (stops) keeper.startRun();

  const observation = () => {
    const { used, until, words } = keeper.view();
    failing = stops ? until !== null : used >= ALERT_SHARE * limit;
    return answer(!failing, words, stops ? until : null);
  };
  return {
    async ask(abort) {
      if (stops) await keeper.look(abort);
      return observation();
    },
    hearLines(lines) {
      if (stops) keeper.hear(lines);
      const before = failing;
      const seen = observation();
      if (failing && !before) speakUp(seen);
    },
    close() {
      if (stops) keeper.endRun();
    },
  };
}
