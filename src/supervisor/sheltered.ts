import type { ChildPort } from '../core/ports.ts';
import { createOomShelter } from '../host/oom-score.ts';

/** A child port whose children are killed before us when memory runs out. */
export function sheltered(child: ChildPort): ChildPort {
  const { asInherited } = createOomShelter();
  return {
    spawn: (run, runId) => asInherited(() => child.spawn(run, runId)),
    signalTree: child.signalTree,
    signalChild: child.signalChild,
    clear: child.clear,
  };
}
