/**
 * Asks a model about an incident, off every path that a restart waits for: one question at a time, at most once for each
 * fingerprint, within the budget, and never in a way that throws.
 */
import type { DiagnosisSettings } from './choose-provider.ts';
import { consultant, type Diagnosed, type DiagnosisPorts, stopping, type Undiagnosed } from './consult.ts';
import type { Case } from './prompt.ts';

export interface Diagnosis {
  /** Never rejects. `byHand`: a person asks, who need not wait for the pause after a failed ask to end; the budget holds. */
  ask(subject: Case, byHand?: boolean): Promise<Diagnosed | Undiagnosed>;
  /** Gives up what is under way: asks that wait end as failed. */
  close(): void;
}

// While one question is out, so many may wait; a storm of different crashes must not pile up.
const maxWaiting = 4;

/** A diagnosis by the model that the settings name. Loads the provider at the first question. */
export function createDiagnosis(settings: DiagnosisSettings, ports: DiagnosisPorts): Diagnosis {
  const abort = new AbortController();
  const consult = consultant(settings, ports, abort.signal);
  const open = new Map<string, Promise<Diagnosed | Undiagnosed>>();
  let last: Promise<unknown> = Promise.resolve();
  return {
    ask(subject, byHand = false) {
      const same = open.get(subject.fingerprint);
      if (same !== undefined) return same;
      if (open.size > maxWaiting)
        return Promise.resolve({ failed: 'the model is busy with earlier incidents', news: false });
      const mine = last
        .then(() => (abort.signal.aborted ? stopping : consult(subject, byHand)))
        .catch((error: unknown) => ({
          failed: `it failed: ${error instanceof Error ? error.message : ''}`,
          news: true,
        }))
        .finally(() => open.delete(subject.fingerprint));
      open.set(subject.fingerprint, mine);
      last = mine;
      return mine;
    },
    close: () => abort.abort(),
  };
}
