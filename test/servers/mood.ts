import type { ServerResponse } from 'node:http';
import type { Received } from './local-server.ts';

/** How a server of a model answers, whichever API it is asked by. */
export type Mood =
  /** A short answer. */
  | { kind: 'success'; text: string }
  /** 429; `resetsInS`: the time that the service names. */
  | { kind: 'limit'; resetsInS: number }
  | { kind: 'refused' }
  /** The balance of the account is used up. */
  | { kind: 'spent' }
  /** The conversation is longer than the model takes. */
  | { kind: 'too-long' }
  /** The stream begins and never goes on. */
  | { kind: 'stalled' }
  /** A word each second, for so long. */
  | { kind: 'slow'; forMs: number }
  /** Nothing at all for so long, then a short answer. */
  | { kind: 'late'; afterMs: number }
  /** The model thinks for two seconds, asks for a shell command that sleeps, then answers. */
  | { kind: 'tool'; sleepS: number };

/** The answer of a mood that has one. */
export const wordsOf = (mood: Mood): string => (mood.kind === 'success' ? mood.text : 'All is done.');

/** Whether what the tool said is already among what was sent. */
export const hasResult = ({ body }: Received): boolean =>
  /"tool_result"|"function_call_output"|"functionResponse"|"role":"tool"/.test(body);

/** Sends the answer at the pace of the mood, then what follows it. */
export function tell(mood: Mood, response: ServerResponse, send: (word: string) => void, end: () => void): void {
  if (mood.kind === 'slow') {
    const timer = setInterval(() => send('word '), 1000);
    response.on('close', () => clearInterval(timer));
    setTimeout(() => {
      clearInterval(timer);
      end();
    }, mood.forMs).unref();
    return;
  }
  const answer = () => {
    send(wordsOf(mood));
    end();
  };
  if (mood.kind === 'late') setTimeout(answer, mood.afterMs).unref();
  else answer();
}
