/** The budget as it lies in its file, shared by the watcher and a `diagnose` by hand. */
import { type BudgetState, budgetFromText, budgetToText, type CallLimit, emptyBudget, settled } from './budget.ts';

/** Where the budget is kept, a file of its own. Both may throw. */
export interface BudgetStore {
  readonly read: () => string | null;
  readonly write: (text: string) => void;
}

/** Looks at the budget, and changes it. Neither throws. */
export interface BudgetDesk {
  look(): BudgetState;
  change(step: (state: BudgetState, now: number) => BudgetState): void;
}

/**
 * The file is read anew each time, since the other process writes to it too. Where it cannot be written (a full disk)
 * memory goes on counting: asking must not become free of charge by that.
 */
export function budgetDesk(store: BudgetStore, limit: CallLimit, wallMs: () => number): BudgetDesk {
  let memory = emptyBudget;
  let written = true;
  const load = (): BudgetState => {
    try {
      if (written) memory = budgetFromText(store.read()) ?? memory;
    } catch {
      // Not readable: memory knows what this watcher did.
    }
    return settled(memory, wallMs(), limit);
  };
  const save = (state: BudgetState) => {
    memory = state;
    try {
      store.write(budgetToText(state));
      written = true;
    } catch {
      written = false;
    }
  };
  return {
    look: load,
    change: step => save(step(load(), wallMs())),
  };
}
