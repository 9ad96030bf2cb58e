import { afterEach } from 'vitest';
import { createDiagnosis, type DiagnosisPorts, type DiagnosisSettings } from '../../src/diagnosis/diagnose.ts';
import type { Case } from '../../src/diagnosis/prompt.ts';
import { type LocalServer, localServer } from '../servers/local-server.ts';

export const baseCase: Case = {
  name: 'my_agent',
  fingerprint: 'f1',
  command: ['python3', 'my_agent.py'],
  kind: 'crash',
  reasons: [{ name: 'exit', detail: null }],
  exit: { code: 1, signal: null },
  uptimeMs: 192_000,
  category: 'unknown',
  confidence: 0.3,
  evidence: ['exit code 1'],
  keyLine: 'ValueError: bad',
  priorMatches: { count: 0, windowDays: 90, firstAt: null, lastAt: null },
  memory: [],
  tail: ['starting', 'ValueError: bad'],
};

/** A world whose clock stands still until it is moved, and whose waits take no time. */
/** `url`: as text. */
type Given = Partial<Omit<DiagnosisSettings, 'url'>> & Pick<DiagnosisSettings, 'provider'> & { url?: string };

export function world({ url, ...settings }: Given) {
  const state = { now: Date.parse('2026-11-01T00:00:00Z'), file: null as string | null, full: false };
  const waits: number[] = [];
  const ports: DiagnosisPorts = {
    wallMs: () => state.now,
    monoMs: () => performance.now(),
    token: () => '0123456789abcdef',
    clean: text => text.replaceAll('hunter2-secret', '***'),
    store: {
      read: () => state.file,
      write: text => {
        if (state.full) throw new Error('ENOSPC');
        state.file = text;
      },
    },
    wait: async delayMs => {
      waits.push(delayMs);
    },
  };
  const whole: DiagnosisSettings = {
    model: null,
    url: url === undefined ? null : new URL(url),
    timeoutMs: 5000,
    maxCalls: { count: 20, windowMs: 86_400_000 },
    keyFile: null,
    env: {},
    cwd: '/',
    ...settings,
  };
  const start = () => createDiagnosis(whole, ports);
  return { state, waits, start, diagnosis: start() };
}

const servers: LocalServer[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map(server => server.close()));
});

/** A server that is gone after the test. */
export async function serving(answer: LocalServer['answer']): Promise<LocalServer> {
  const server = await localServer(answer);
  servers.push(server);
  return server;
}
