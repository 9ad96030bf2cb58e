import { checkProbe, httpProbe, portProbe } from './asked-probes.ts';
import { diskProbe, freshFileProbe, growProbe } from './file-probes.ts';
import { type Members, memoryProbe } from './memory.ts';
import { errorRateProbe, failPatternProbe, staleProbe } from './output-probes.ts';
import type { Probe, ProbeSpec, ProbeWorld, SpeakUp, WatchedRun } from './probe.ts';

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
