import { EXIT } from '../../core/exit-code.ts';
import type { Selection } from '../arguments/invocation.ts';
import { print } from '../render/terminal.ts';
import { CommandFailed, UsageError } from '../usage-error.ts';
import { type Service, select, whyUnreadable } from './select.ts';

/** What came of an action on one service: one line without its name. */
export interface Done {
  readonly ok: boolean;
  readonly text: string;
}

/**
 * Acts on all selected services at the same time and prints a line for each as soon as it is known.
 * @returns 0 if every action succeeded, 1 if one failed, else 4 if a name is unknown
 */
export async function actOnAll(selection: Selection, act: (service: Service) => Promise<Done>): Promise<number> {
  const { services, unknown } = select(selection);
  for (const line of unknown) process.stderr.write(`agent-watch: ${line}\n`);
  const results = await Promise.all(services.map(service => report(service.label, () => actOn(service, act))));
  if (selection.names.length === 0 && services.length === 0) print('no services\n');
  if (results.includes(false)) return EXIT.notWell;
  return unknown.length === 0 ? EXIT.ok : EXIT.unknownName;
}

async function actOn(service: Service, act: (service: Service) => Promise<Done>): Promise<Done> {
  const why = whyUnreadable(service);
  return why === null ? await act(service) : { ok: false, text: why };
}

/** Acts, and prints what came of it in one line that begins with the label. */
export async function report(label: string, act: () => Promise<Done>): Promise<boolean> {
  const { ok, text } = await act().catch(failed);
  if (ok) print(`${label}: ${text}\n`);
  else process.stderr.write(`agent-watch: ${label}: ${text}\n`);
  return ok;
}

function failed(error: unknown): Done {
  if (error instanceof UsageError || error instanceof CommandFailed) return { ok: false, text: error.message };
  throw error;
}
