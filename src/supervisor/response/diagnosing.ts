import {
  createDiagnosis,
  type Diagnosed,
  type DiagnosisPorts,
  type DiagnosisSettings,
  obstacleTo,
} from '../../diagnosis/diagnose.ts';
import type { Incident } from '../../incidents/incident.ts';

/** Who keeps the incidents, and puts into them what is found out later. Neither delays or throws. */
export interface IncidentAttachments {
  attachDiagnosis(id: string, diagnosis: Diagnosed): void;
  /** That there is no guess, and why. */
  attachDiagnosisFault(id: string, why: string): void;
  attachRemedy(id: string, remedy: NonNullable<Incident['remedy']>): void;
}

/** What it needs of the watcher. */
export interface DiagnosingWorld {
  /** With its secrets masked. */
  command: readonly string[];
  desk: Omit<IncidentAttachments, 'attachRemedy'>;
  ports: DiagnosisPorts;
  /** One line for people. */
  say(line: string): void;
  /** Why the model gives no answer, for who looks later; null: it did. Neither delays nor throws. */
  keepFault(why: string | null): void;
}

export interface Diagnosing {
  /** Returns at once; the answer comes into the incident when it comes. */
  opened(incident: Incident): void;
  close(): void;
}

/** Asks the model about incidents, once for each fingerprint, and says once why it cannot be asked. */
export function createDiagnosing(settings: DiagnosisSettings, world: DiagnosingWorld): Diagnosing {
  const diagnosis = createDiagnosis(settings, world.ports);
  const given = new WeakSet<object>();
  const obstacle = obstacleTo(settings);
  if (obstacle !== null) {
    world.say(`no model can be asked: ${obstacle}; incidents are explained by rules only`);
    world.keepFault(obstacle);
  }

  async function ask(incident: Incident): Promise<void> {
    const answer = await diagnosis.ask({ ...incident, command: world.command });
    // Those who asked while the question was out have one answer: it is news to the first.
    const isFirst = !given.has(answer);
    given.add(answer);
    if ('failed' in answer) {
      if (!isFirst || !answer.news) return;
      world.desk.attachDiagnosisFault(incident.id, answer.failed);
      // What stands in the way from the start has been said.
      if (obstacle !== null) return;
      world.say(`no diagnosis of ${incident.id}: ${answer.failed}`);
      world.keepFault(answer.failed);
      return;
    }
    world.desk.attachDiagnosis(incident.id, answer);
    // One from memory says nothing of the model.
    if (!isFirst || answer.ms === 0) return;
    world.keepFault(null);
    world.say(`a model's guess at it is in: agent-watch incidents show ${incident.id}`);
  }

  return {
    opened(incident) {
      // A run whose exit status is unknown leaves nothing to explain.
      if (incident.kind === 'orphan') return;
      void ask(incident).catch((error: unknown) => world.say(`no diagnosis of ${incident.id}: ${error}`));
    },
    close: () => diagnosis.close(),
  };
}
