import { EXIT } from '../../core/exit-code.ts';
import { durationText } from '../../core/text/units.ts';
import type { Invocation } from '../arguments/invocation.ts';
import type { Settings } from '../arguments/settings.ts';
import { ownEnvironment } from '../environment.ts';
import { type Described, readFleet } from '../fleet/files.ts';
import { print } from '../render/terminal.ts';
import { resolvedCommand } from '../service/plan.ts';

type CheckInvocation = Extract<Invocation, { kind: 'check' }>;

/** Shows what each file would run, and every fault of every file. Starts and changes nothing. */
export async function checkCommand(invocation: CheckInvocation): Promise<number> {
  const { services, faults } = await readFleet(invocation);
  const here = ownEnvironment();
  const missing: string[] = [];
  print(
    services
      .map(service => {
        const { words, missing: why } = resolvedCommand(service.settings, here);
        if (why !== null) missing.push(`${service.shown}: command: ${why}`);
        return `${textOf(service, words)}\n`;
      })
      .join('\n'),
  );
  for (const fault of [...faults, ...missing]) process.stderr.write(`agent-watch: ${fault}\n`);
  if (faults.length > 0) return EXIT.usage;
  return missing.length > 0 ? EXIT.notWell : EXIT.ok;
}

function textOf({ shown, settings }: Described, words: readonly string[]): string {
  const { identity, restart, health, alerts } = settings;
  const rows: [string, string][] = [
    ['file', shown],
    ['command', words.map(shellWord).join(' ')],
    ['cwd', identity.cwd],
    ['environment', Object.keys(identity.env).join(', ')],
    ['starts', startText(settings)],
    ['stop', `${restart.stopSignal}, SIGKILL after ${durationText(restart.stopTimeoutMs)}`],
    ...health.probes.map((probe): [string, string] => ['probe', `${probe.name} (${probe.severity})`]),
    ['kill when', health.killWhen ?? ''],
    ['alerts', alertText(alerts)],
  ];
  const lines = rows.filter(([, text]) => text !== '').map(([key, text]) => `  ${key.padEnd(12)} ${text}`);
  return [identity.name, ...lines].join('\n');
}

function startText({ restart }: Settings): string {
  if (restart.schedule !== null) return `${restart.schedule} (${restart.timezone} time)`;
  return `at once; restarted ${restart.restart === 'always' ? 'after every exit' : restart.restart === 'never' ? 'never' : 'on failure'}`;
}

function alertText({ webhooks, commands, files }: Settings['alerts']): string {
  const count = webhooks.length + commands.length + files.length;
  return count === 0 ? 'none' : `${count} ${count === 1 ? 'target' : 'targets'}`;
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
