import { hostname } from 'node:os';
import type { Policy } from '../../core/model.ts';
import type { Wall } from '../../core/units.ts';
import { explain, portsNamed } from '../../incidents/explain.ts';
import { adviseFrom, type Evicted, type History, historyOf, withEvicted } from '../../incidents/history.ts';
import { INCIDENTS_FOLDER, type Incident } from '../../incidents/incident.ts';
import { postMortem } from '../../incidents/post-mortem.ts';
import { type IncidentStore, openStore } from '../../incidents/store.ts';
import { replaceFile, writeDurably } from '../../state/atomic-file.ts';
import type { StateFolder } from '../../state/state-folder.ts';
import type { Observers } from '../observers/observer.ts';
import type { NotificationSettings } from '../watch-order.ts';
import {
  createEvidenceCollector,
  type EvidenceCollector,
  endToClean,
  type IncidentCase,
  recordOf,
  tailLines,
} from './incident-record.ts';
import { configuredSecrets, createRedactor } from './redactor.ts';

/** What is written down, and who is told. */
export interface IncidentWriterOrder {
  place: StateFolder;
  policy: Policy;
  command: readonly string[];
  cwd: string;
  /** The child's, which names most secrets that its log may show. */
  env: Readonly<Record<string, string>>;
  /** Who is told and who is asked: their addresses are secrets that the log may show too. */
  notifications: NotificationSettings;
  tailLines: number;
  /** False: `--diagnose off`, only what was measured. */
  rules: boolean;
  /** Pids of the run that is up. */
  members(): number[];
  observers: Pick<Observers, 'happened' | 'opened' | 'counted' | 'recovered'>;
  warn(line: string): void;
}

/** Explains incidents and keeps them. One at a time: callers wait for one call before the next. */
export interface IncidentWriter {
  explain(of: IncidentCase): Promise<void>;
  /** So many more like it came too quickly. */
  repeat(id: string, count: number): Promise<void>;
  /** It is not over, and happened once more. */
  reopen(id: string): Promise<void>;
  /** All that are open are over. */
  close(at: Wall, proof: string): Promise<void>;
  /** One more sentence of evidence. */
  testify(id: string, sentence: string): Promise<void>;
  /** Puts in what was found out later. */
  amend(id: string, change: Partial<Pick<Incident, 'diagnosis' | 'remedy'>>): Promise<void>;
}

export async function openIncidentWriter(order: IncidentWriterOrder): Promise<IncidentWriter> {
  const { place, cwd, policy, rules } = order;
  const redactor = createRedactor(order.env, configuredSecrets(order.notifications));
  const { clean } = redactor;
  const evidence = createEvidenceCollector([cwd, place.stateDir, order.env['TMPDIR'] ?? '/tmp']);
  const store = await openStore(worldOf(order));
  const service = { command: [clean(order.command.join(' '))], host: hostname() };

  function put(incident: Incident): Promise<void> {
    return store.put(incident, postMortem(incident, service));
  }

  async function change(id: string, by: (incident: Incident) => Partial<Incident>): Promise<void> {
    const incident = store.read(id);
    if (incident !== null) await put({ ...incident, ...by(incident) });
  }

  return {
    async explain(of) {
      const output = of.tail.toString('utf8');
      const measured = await evidence.measure(of.seed, of.run, output);
      const unexplained = { seed: of.seed, output, ...measured, rules, kindOf: kindOf(policy) };
      let found = explain(unexplained);
      const holder = found.category === 'port-in-use' ? await holderOf(found.keyLine, output, evidence, order) : null;
      if (holder !== null) found = explain({ ...unexplained, facts: [...measured.facts, holder] });
      const at = new Date(of.seed.at.wall).toISOString();
      const history = historyFor(store, found.fingerprint, at);
      const quoted = redactor.read(endToClean(output, order.tailLines));
      const tail = tailLines(quoted.shown, order.tailLines);
      const incident = recordOf(of, found, { output, tail, clean: quoted.clean, history, name: place.name });
      incident.recommendation = adviseFrom(incident.recommendation, history, at);
      await put(incident);
      order.observers.opened(incident, of.seed);
    },
    async repeat(id, count) {
      await change(id, ({ repeats }) => ({ repeats: repeats + count }));
    },
    async reopen(id) {
      await change(id, ({ repeats }) => ({ recoveredAt: null, recoveryProof: null, repeats: repeats + 1 }));
    },
    async close(at, proof) {
      const recoveredAt = new Date(at).toISOString();
      const open = store.kept.filter(one => one.recoveredAt === null && one.at <= recoveredAt).map(({ id }) => id);
      for (const id of open) await change(id, () => ({ recoveredAt, recoveryProof: clean(proof) }));
    },
    async testify(id, sentence) {
      await change(id, ({ evidence: known }) => ({ evidence: [...known, clean(sentence)] }));
    },
    async amend(id, by) {
      const { diagnosis } = by;
      const text = diagnosis?.text;
      const cleaned = text === undefined ? by : { ...by, diagnosis: { ...diagnosis!, text: clean(text) } };
      await change(id, () => cleaned);
    },
  };
}

function worldOf({ place, warn }: IncidentWriterOrder) {
  return {
    folder: () => place.at(INCIDENTS_FOLDER),
    ensure: () => place.ensure(),
    replace: replaceFile,
    replaceDurably: writeDurably,
    warn,
  };
}

function kindOf({ health }: Policy): (name: string) => string | null {
  return name => health.probes.find(probe => probe.name === name)?.kind ?? null;
}

/** The first of the ports it may have wanted that somebody listens on. */
async function holderOf(
  keyLine: string | null,
  output: string,
  evidence: EvidenceCollector,
  order: IncidentWriterOrder,
) {
  const members = order.members();
  for (const port of portsNamed(keyLine, order.command, output)) {
    const holder = await evidence.holder(port, members);
    if (holder !== null) return holder;
  }
  return null;
}

function historyFor(store: IncidentStore, fingerprint: string, at: string): History {
  const dropped: Evicted = store.dropped;
  return withEvicted(historyOf(fingerprint, at, store.kept), dropped, fingerprint, at);
}
