/** One thing that was looked at, in a sentence. */
export interface Finding {
  readonly what: string;
  /** What to do about it; null: nothing is wrong. */
  readonly cure: string | null;
  /** It will cost the user something, as things stand. */
  readonly serious: boolean;
}

export const well = (what: string): Finding => ({ what, cure: null, serious: false });
export const note = (what: string, cure: string): Finding => ({ what, cure, serious: false });
export const serious = (what: string, cure: string): Finding => ({ what, cure, serious: true });
