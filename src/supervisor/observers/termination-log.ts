/**
 * The last incident where Kubernetes looks for why a container ended: what lies in this file at its end becomes the message of
 * its last state. Source: the field terminationMessagePath of a container.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { clipStartBytes } from '../../core/text/escape.ts';
import { durationText, exitText } from '../../core/text/units.ts';
import { atMost, zonedTime } from '../../host/clock.ts';
import { reasonOf } from '../../host/errno.ts';
import type { Incident } from '../../incidents/incident.ts';
import type { Observer } from './observer.ts';

/** Kubernetes takes no more. */
const MOST_BYTES = 4096;
const END_MS = 500;
const { O_WRONLY, O_NOFOLLOW, O_NONBLOCK, O_TRUNC } = constants;

/** Keeps the file at the newest incident, each time at once: a container that is killed writes no last words. Never makes the file. */
export function createTerminationLog(path: string, warn: (text: string) => void): Observer {
  let writing: Promise<void> = Promise.resolve();
  let warned = false;

  async function write(text: string): Promise<void> {
    try {
      const file = await open(path, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_NONBLOCK);
      await file.writeFile(text).finally(() => file.close());
    } catch (error) {
      if (!warned) warn(`${path} was not written (${reasonOf(error)})`);
      warned = true;
    }
  }

  return {
    opened(incident) {
      const text = summaryOf(incident);
      writing = writing.then(() => write(text));
    },
    async close() {
      await atMost(END_MS, writing);
    },
  };
}

/** What the incident says, redacted as it is, without lines of the log but the one that tells most. */
function summaryOf(incident: Incident): string {
  const { name, kind, category, exit, uptimeMs, at, reasons, keyLine, evidence, recommendation, id } = incident;
  const lines = [
    `${name}: ${kind}, ${category}; ${exitText(exit)} after ${durationText(uptimeMs)}, at ${zonedTime(at)}`,
    ...reasons.map(reason => `by ${reason.name}: ${reason.detail}`),
    ...(keyLine === null ? [] : [clipStartBytes(keyLine, MOST_BYTES / 2)]),
    recommendation,
    ...evidence.map(sentence => `evidence: ${sentence}`),
    `incident ${id}`,
  ];
  return clipStartBytes(`${lines.join('\n')}\n`, MOST_BYTES);
}
