import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { validate } from 'dockerfile-utils';
import { Deployment } from 'kubernetes-models/apps/v1';
import { PersistentVolumeClaim } from 'kubernetes-models/v1';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { parse } from '../../src/cli/arguments/parse.ts';
import { scratch } from '../support/scratch.ts';

const doc = (file: string) => readFileSync(resolve(import.meta.dirname, '../../docs', file), 'utf8');

/** What the documented command line comes to, by the parser itself; the token of the pod stands in a file of ours. */
async function understood(words: readonly string[]) {
  const token = join(scratch(), 'token');
  writeFileSync(token, 'x'.repeat(40), { mode: 0o600 });
  const invocation = await parse(words.map(word => word.replace('/run/secrets/agent-watch/token', token)));
  if (invocation.kind !== 'watch') throw new Error(`it is no command to watch: ${invocation.kind}`);
  return invocation.settings;
}

function manifests(): { claim: object; deployment: ConstructorParameters<typeof Deployment>[0] } {
  const [claim, deployment, ...more] = parseAllDocuments(doc('kubernetes-deployment.yaml')).map(one => {
    expect(one.errors).toEqual([]);
    return one.toJS();
  });
  expect(more).toEqual([]);
  return { claim, deployment };
}

test('the Deployment and its claim are valid by the schemas of Kubernetes', () => {
  const { claim, deployment } = manifests();
  new PersistentVolumeClaim(claim).validate();
  new Deployment(deployment).validate();
  const broken = structuredClone(deployment) as unknown as { spec: { replicas: unknown } };
  broken.spec.replicas = 'one';
  expect(() => new Deployment(broken as never).validate()).toThrow(/replicas/);
});

test('its parts fit each other, and what agent-watch is told is understood', async () => {
  const { deployment, claim } = manifests();
  const spec = deployment?.spec;
  expect(spec?.strategy?.type).toBe('Recreate');
  expect(spec?.template.metadata?.labels).toMatchObject(spec?.selector.matchLabels ?? { none: '' });
  const pod = spec?.template.spec;
  const container = pod?.containers[0];
  expect(container?.command).toEqual(['agent-watch']);
  const settings = await understood(container?.args ?? []);
  expect(settings.command).toEqual(['python3', 'my_agent.py']);
  expect(settings.service.listen).toEqual({ host: '0.0.0.0', port: container?.ports?.[0]?.containerPort });
  expect(container?.livenessProbe?.httpGet).toEqual({ path: '/livez', port: container?.ports?.[0]?.name });
  expect(container?.readinessProbe?.httpGet).toEqual({ path: '/readyz', port: container?.ports?.[0]?.name });
  expect(settings.restart.stopTimeoutMs).toBeLessThan((pod?.terminationGracePeriodSeconds ?? 0) * 1000);
  const mounted = container?.volumeMounts?.map(({ name }) => name).sort();
  expect(pod?.volumes?.map(({ name }) => name).sort()).toEqual(mounted);
  expect(pod?.volumes?.[0]?.persistentVolumeClaim?.claimName).toBe(
    (claim as { metadata: { name: string } }).metadata.name,
  );
  expect(container?.volumeMounts?.map(({ mountPath }) => mountPath)).toContain(settings.identity.stateDir);
});

test('the Dockerfile has no fault, and its entry point is understood', async () => {
  const text = /```dockerfile\n(.*?)```/s.exec(doc('containers.md'))?.[1] ?? '';
  expect(validate(text, {}).map(({ message }) => message)).toEqual([]);
  expect(validate(text.replace('USER agent', 'USR agent'), {})).not.toEqual([]);
  const words = (instruction: string): string[] =>
    JSON.parse(new RegExp(`^${instruction} (\\[.*\\])$`, 'm').exec(text)?.[1] ?? '[]');
  const [program, ...options] = words('ENTRYPOINT');
  expect(program).toBe('agent-watch');
  const settings = await understood([...options, ...words('CMD')]);
  expect(settings.command).toEqual(['python3', 'my_agent.py']);
  expect(settings.restart.stopTimeoutMs).toBeLessThan(10_000);
});
