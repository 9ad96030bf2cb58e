import { checkProbe } from './check.ts';
import { diskProbe } from './disk.ts';
import { errorRateProbe } from './error-rate.ts';
import { failPatternProbe } from './fail-pattern.ts';
import { freshFileProbe } from './fresh-file.ts';
import { growProbe } from './grow.ts';
import { httpProbe } from './http.ts';
import type { Members } from './members.ts';
import { memoryProbe } from './memory.ts';
import { portProbe } from './port.ts';
import type { Probe, ProbeWorld, SpeakUp, WatchedRun } from './probe.ts';
import type { ProbeSpec } from './probe-spec.ts';
import { staleProbe } from './stale.ts';

/** What a probe may need. */
export interface ProbeNeeds {
  readonly run: WatchedRun;
  readonly world: ProbeWorld;
  readonly members: Members;
  readonly speakUp: SpeakUp;
}

/** Makes the probe of a spec for one run. What costs time to load (HTTP, execa) is loaded when it first asks. */
export function makeProbe(spec: ProbeSpec, { run, world, members, speakUp }: ProbeNeeds): Probe {
  switch (spec.kind) {
    case 'stale':
      return staleProbe(spec);
    case 'fail-pattern':
      return failPatternProbe(spec, speakUp);
    case 'error-rate':
      return errorRateProbe(spec, () => world.now().mono, speakUp);
    case 'fresh-file':
      return freshFileProbe(spec);
    case 'grow':
      return growProbe(spec);
    case 'disk':
      return diskProbe(spec);
    case 'memory':
      return memoryProbe(spec, members);
    case 'http':
      return httpProbe(spec, world);
    case 'port':
      return portProbe(spec, world);
    case 'check':
      return checkProbe(spec, run, world);
  }
}
