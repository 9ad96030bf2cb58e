import { constants } from 'node:fs';
import { agreementOf, calibrationText, reasonText, type Verdict, verdictText } from '../../core/judgement.ts';
import { createJudge, noVerdict } from '../../diagnosis/judge.ts';
import { stampNow } from '../../host/clock.ts';
import { reasonOf } from '../../host/errno.ts';
import { openRegular } from '../../host/read-file.ts';
import { readRuns } from '../../state/run-journal.ts';
import type { CheckWorld, Judging, WantedOutput } from '../run-checks.ts';
import type { JudgeOrder } from '../watch-order.ts';
import { outputOfRun } from './acceptance.ts';
import { modelPorts } from './load-notifications.ts';
import { configuredSecrets, createRedactor } from './redactor.ts';

const RUBRIC_BYTES = 16 * 1024;
/** A mount that hangs holds a thread of the pool, never the judge. */
const RUBRIC_LIMIT_MS = 5000;

export function openJudging(world: CheckWorld, { rubric, model }: JudgeOrder): Judging {
  const redactor = createRedactor(world.env, configuredSecrets(world.notifications));
  const clean = (text: string) => {
    // What the output shows to be a secret, beside a name for example, is one wherever it stands.
    const read = redactor.read(text);
    return read.clean(read.shown);
  };
  const judge = createJudge(model, modelPorts(world.place, stampNow, clean));

  async function judged(run: WantedOutput, abort: AbortSignal): Promise<Verdict> {
    const output = await outputOfRun(world, run);
    if (output === null) return noVerdict('its output was not kept');
    const text = await rubricIn(rubric);
    return await judge.ask({ name: world.place.name, rubric: text, output: output.toString('utf8') }, abort);
  }

  return {
    judge: (run, abort) =>
      judged(run, abort).catch((error: unknown) => noVerdict(clean(`the rubric cannot be read: ${reasonOf(error)}`))),
    worth(verdict) {
      const runs = readRuns(world.place.at('.'));
      const latest = verdict === null ? [] : [{ run: 0, verdict: { ...verdict }, mark: null }];
      const agreement = agreementOf([...runs, ...latest]);
      return { calibrated: agreement.calibrated, text: calibrationText(agreement) };
    },
    text: verdictText,
    reason: verdict => reasonText(verdict) ?? 'without a reason',
  };
}

/** The rubric, which a person may change at any time. Throws what is wrong with it. */
async function rubricIn(path: string): Promise<string> {
  const read = readRubric(path);
  // Of one that comes too late nobody hears.
  read.catch(() => {});
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('its disk does not answer')), RUBRIC_LIMIT_MS);
  });
  return await Promise.race([read, late]).finally(() => clearTimeout(timer));
}

async function readRubric(path: string): Promise<string> {
  const file = await openRegular(path, constants.O_RDONLY);
  try {
    const { size, uid, mode } = await file.stat();
    if (size > RUBRIC_BYTES) throw new Error(`it is larger than ${RUBRIC_BYTES / 1024} KiB`);
    if ((uid !== 0 && uid !== process.getuid?.()) || (mode & 0o002) !== 0)
      throw new Error('another user may have written it');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(RUBRIC_BYTES), 0, RUBRIC_BYTES, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
