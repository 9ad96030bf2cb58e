import type { Invocation } from './cli/arguments/invocation.ts';
import { parse } from './cli/arguments/parse.ts';
import { type Ending, failed } from './cli/environment.ts';
import { exitAtOnce } from './host/own-process.ts';

/** Runs the program to its end. Only the built scripts call it. */
export async function runProgram(): Promise<void> {
  const { code, atOnce } = await runCli(process.argv.slice(2));
  // Where nothing is open there is nothing to wait for, and to take down the runtime piece by piece takes a millisecond.
  if (atOnce || process.getActiveResourcesInfo().length === 0) exitAtOnce(code);
  process.exitCode = code;
}

/** Does what the command line says. What is wrong with it is one line on stderr, and 125. */
export async function runCli(argv: readonly string[]): Promise<Ending> {
  try {
    return await perform(await parse(argv));
  } catch (error) {
    return failed(error);
  }
}

/** Everything but watching is loaded when it is asked for, in the executable from a script of its own: a watcher never holds its text. */
async function perform(invocation: Invocation): Promise<Ending> {
  if (invocation.kind === 'watch') {
    const { watchCommand } = await import('./cli/commands/watch.ts');
    return { code: await watchCommand(invocation.settings), atOnce: true };
  }
  const { runLook } = await import('./cli/looks.ts');
  return { code: await runLook(invocation), atOnce: false };
}
