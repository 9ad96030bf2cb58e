import type { Invocation } from './arguments/invocation.ts';

/** Whatever is no watching. */
export type Look = Exclude<Invocation, { kind: 'watch' }>;

/** Does what a command asks for, and returns its exit code. Throws what the command throws. */
export async function runLook(invocation: Look): Promise<number> {
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
      return (await import('./commands/init.ts')).checkCommand(invocation);
    case 'delete':
      return (await import('./commands/delete.ts')).deleteCommand(invocation);
    case 'init':
      return (await import('./commands/init.ts')).initCommand(invocation);
    case 'serve':
      return (await import('./serve/serve.ts')).serveCommand(invocation);
    case 'mcp':
      return (await import('./commands/mcp.ts')).mcpCommand(invocation);
    case 'schema':
      return (await import('./render/schema.ts')).schemaCommand();
    case 'install':
      return (await import('./commands/install.ts')).installCommand(invocation);
    case 'uninstall':
      return (await import('./commands/install.ts')).uninstallCommand(invocation);
    case 'status':
      return (await import('./commands/status.ts')).statusCommand(invocation);
    case 'top':
      return (await import('./top/command.ts')).topCommand(invocation);
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
      return (await import('./commands/timed-logs.ts')).eventsCommand(invocation);
    case 'runs':
      return (await import('./commands/runs.ts')).runsCommand(invocation);
    case 'run':
      return (await import('./commands/runs.ts')).runCommand(invocation);
    case 'mark':
      return (await import('./commands/runs.ts')).markCommand(invocation);
    case 'agreement':
      return (await import('./commands/runs.ts')).agreementCommand(invocation);
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
