/** Asks a model for its verdict on the output of a run: within the budget of all questions, and never in a way that throws. */
import { createHash } from 'node:crypto';
import type { Verdict } from '../core/judgement.ts';
import { clipStart } from '../core/text/escape.ts';
import { budgetLedger, costUsd, paused } from './budget.ts';
import { type Chosen, chooseProvider, type DiagnosisSettings } from './choose-provider.ts';
import { askTwice, type DiagnosisPorts, spentIn } from './diagnose.ts';
import { JUDGE_PROMPT_VERSION, type Judged, judgeQuestion, readOpinion } from './verdict.ts';

/** A judge with a memory of what can never succeed. */
export interface Judge {
  /** Never rejects; where there is no answer, or none that holds, the verdict is `unsure` and says why. */
  ask(judged: Judged, abort: AbortSignal): Promise<Verdict>;
}

/** Of what a model wrote; its thinking may be long, its answer is not. */
const maxRawUnits = 200_000;
const nobody = { calibration: null, source: null, model: null, costUsd: null, ms: 0 } as const;

/** Why there is no verdict. */
export const noVerdict = (note: string): Verdict => ({ verdict: 'unsure', reasons: [], note, ...nobody });

/** A judge by the model that the settings name. Loads the provider at the first question. */
export function createJudge(settings: DiagnosisSettings, ports: DiagnosisPorts): Judge {
  const desk = budgetLedger(ports.store, settings.maxCalls, ports.wallMs);
  let chosen: Promise<Chosen> | null = null;
  let never: string | null = null;

  async function ask(judged: Judged, abort: AbortSignal): Promise<Verdict> {
    if (judged.rubric.trim() === '') return noVerdict('the rubric is empty');
    if (judged.output.trim() === '') return noVerdict('the run printed nothing, so nothing can be quoted');
    chosen ??= chooseProvider(settings);
    const choice = await chosen;
    if ('refused' in choice) return noVerdict(`no model is asked: ${choice.refused}`);
    const { provider, where } = choice;
    const hindrance = never ?? spentIn(desk.look(), settings.maxCalls);
    if (hindrance !== null) return noVerdict(hindrance);
    const { question, shown } = judgeQuestion(judged, ports.clean, ports.token());
    const startedMono = ports.monoMs();
    const reply = await askTwice(provider, question, settings, ports, desk, abort);
    const ms = Math.round(ports.monoMs() - startedMono);
    if (reply.kind === 'answer') {
      const model = reply.model === null ? null : clipStart(ports.clean(reply.model), 200);
      const asked = [provider.source, where, modelOf(settings), model ?? ''];
      return {
        ...readOpinion(ports.clean(reply.text.slice(0, maxRawUnits)), shown),
        calibration: calibrationId(judged.rubric, asked),
        source: provider.source,
        model,
        costUsd: costUsd(model ?? '', reply.tokens),
        ms,
      };
    }
    if (abort.aborted) return noVerdict('given up, since the watcher stops');
    const reason = clipStart(ports.clean(`${provider.source} (${where}): ${reply.why}`), 500);
    // Not written down: the next life may have another key.
    if (reply.verdict === 'never') never = `${reason}; not asked again before a restart`;
    else desk.change(paused);
    return { ...noVerdict(reason), source: provider.source, ms };
  }

  return {
    ask: (judged, abort) =>
      ask(judged, abort).catch((error: unknown) =>
        noVerdict(`it failed: ${error instanceof Error ? error.message : ''}`),
      ),
  };
}

const modelOf = ({ provider, model }: DiagnosisSettings): string =>
  provider.kind === 'command' ? provider.command : (model ?? '');

/** Tells one judge from another: by the rubric, the model and the prompt. */
function calibrationId(rubric: string, asked: readonly string[]): string {
  const text = JSON.stringify([JUDGE_PROMPT_VERSION, asked, rubric.trim()]);
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
