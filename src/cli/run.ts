import { EXIT } from '../core/exit-code.ts';
import type { Invocation } from './arguments/invocation.ts';
import { parse } from './arguments/parse.ts';
import { CommandFailed, UsageError } from './usage-error.ts';

/** How a command ended. `atOnce`: nothing that may still be open is worth waiting for. */
export interface Ending {
  code: number;
  atOnce: boolean;
}

/** Does what the command line says. What is wrong with it is one line on stderr, and 125. */
export async function runCli(argv: readonly string[]): Promise<Ending> {
  try {
    return await perform(await parse(argv));
  } catch (error) {
    process.stderr.write(`agent-watch: ${faultText(error)}\n`);
    return { code: error instanceof CommandFailed ? error.exitCode : EXIT.usage, atOnce: false };
  }
}

/** Each command is loaded when it is asked for: what watching does not need costs its start nothing. */
async function perform(invocation: Invocation): Promise<Ending> {
  if (invocation.kind === 'watch') {
    const { watchCommand } = await import('./commands/watch.ts');
    return { code: await watchCommand(invocation.settings), atOnce: true };
  }
  return { code: await look(invocation), atOnce: false };
}

async function look(invocation: Exclude<Invocation, { kind: 'watch' }>): Promise<number> {
  switch (invocation.kind) {
    case 'start':
      return (await import('./commands/start.ts')).startCommand(invocation.settings);
    case 'start-known':
      return (await import('./commands/start.ts')).startKnownCommand(invocation);
    case 'apply':
      return (await import('./commands/apply.ts')).applyCommand(invocation);
    case 'down':
      return (await import('./commands/apply.ts')).downCommand(invocation);
    case 'check':
      return (await import('./commands/check.ts')).checkCommand(invocation);
    case 'delete':
      return (await import('./commands/delete.ts')).deleteCommand(invocation);
    case 'init':
      return (await import('./commands/init.ts')).initCommand(invocation);
    case 'schema':
      return (await import('./render/schema.ts')).schemaCommand();
    case 'install':
      return (await import('./commands/install.ts')).installCommand(invocation);
    case 'uninstall':
      return (await import('./commands/uninstall.ts')).uninstallCommand(invocation);
    case 'status':
      return (await import('./commands/status.ts')).statusCommand(invocation);
    case 'health':
      return (await import('./commands/health.ts')).healthCommand(invocation);
    case 'diagnose':
      return (await import('./commands/diagnose.ts')).diagnoseCommand(invocation);
    case 'incidents':
      return (await import('./commands/incidents.ts')).incidentsCommand(invocation);
    case 'incident':
      return (await import('./commands/incidents.ts')).incidentCommand(invocation);
    case 'brief':
      return (await import('./commands/incidents.ts')).briefCommand(invocation);
    case 'events':
      return (await import('./commands/events.ts')).eventsCommand(invocation);
    case 'logs':
      return (await import('./commands/logs.ts')).logsCommand(invocation);
    case 'stop':
    case 'restart':
    case 'reset':
    case 'signal':
      return (await import('./commands/requests.ts')).requestCommand(invocation);
    case 'doctor':
      return (await import('./doctor/doctor.ts')).doctorCommand(invocation);
    case 'completion':
      return (await import('./render/completions.ts')).completionCommand(invocation.shell);
    case 'help':
      return (await import('./render/help.ts')).helpCommand(invocation.topic);
    case 'version':
      return (await import('./render/help.ts')).versionCommand();
  }
}

function faultText(error: unknown): string {
  if (error instanceof UsageError || error instanceof CommandFailed) return error.message;
  return `internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}
