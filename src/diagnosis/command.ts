/** Any program as a model: the prompt on its standard input, the answer from its standard output. */
import { durationText, sizeText } from '../core/text/units.ts';
import { type Failure, failure, type Provider } from './provider.ts';

const answerLimitBytes = 1 << 20;

/** A provider that runs the user's own command line. Nothing of the prompt gets into that line or the environment. */
export function command(line: string, cwd: string, env: Readonly<Record<string, string | undefined>>): Provider {
  return {
    source: 'command',
    // Unknown: it may ask a server. What is known is that the user chose it.
    onThisMachine: false,
    async ask(question, patience) {
      // Loaded here: it brings the whole of execa with it.
      const { runShell } = await import('../host/run-command.ts');
      const order = {
        command: line,
        input: `${question.system}\n\n${question.user}\n`,
        cwd,
        env,
        timeLimitMs: patience.timeoutMs,
        outputLimitBytes: answerLimitBytes,
        abort: patience.abort,
      };
      try {
        const end = await runShell(order);
        if (end.over !== null) return failure('later', ended[end.over](patience.timeoutMs));
        if (end.code !== 0) return failure('later', unwell(end));
        if (end.output.trim() === '') return failure('later', 'the command wrote nothing');
        return { kind: 'answer', text: end.output, model: null, tokens: null };
      } catch (error) {
        return failure('later', error instanceof Error ? error.message : 'the command could not be started');
      }
    },
  };
}

const ended = {
  time: (timeoutMs: number) => `the command did not end in ${durationText(timeoutMs)}`,
  size: () => `the command wrote more than ${sizeText(answerLimitBytes)}`,
  aborted: () => 'given up, since the watcher stops',
};

function unwell(end: { code: number | null; signal: string | null; complaint: string }): Failure['why'] {
  const how = end.signal === null ? `exited with ${end.code}` : `was ended by ${end.signal}`;
  const last = end.complaint.trim().split('\n').at(-1)?.slice(-200) ?? '';
  return last === '' ? `the command ${how}` : `the command ${how}: ${last}`;
}
