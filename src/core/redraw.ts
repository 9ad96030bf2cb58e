/**
 * Tells output from a redraw. A terminal program that waits still draws: a spinner, a clock, "Reconnecting… 35s". Such text is written
 * over in place and differs from what stood there only in spinner glyphs, digits and control sequences, so it is no sign of life. A
 * percentage that changes is one: only work moves it.
 */
import { stripSequences } from './text/escape.ts';

/** Listens to one stream of a run. */
export interface RedrawFilter {
  /** Whether this text holds anything but redraws. */
  isOutput(text: string): boolean;
  /** A redraw is under way: the next text may belong to it though nothing in it shows that. */
  isDrawing(): boolean;
}

/** What moves the cursor back or erases: a carriage return that ends no line, a backspace, cursor and erase sequences. */
const MOVES_BACK = /\r(?!\n)|\u0008|\u001b(?:\[[0-9;?]*[ABCDEFGHJKSTfsu]|[78M])/;
const NEWLINE_AT_END = /\n$/;
const PERCENTAGE = /\d+(?:[.,]\d+)?(?= ?%)/g;
/** Digits, punctuation that spinners and bars are drawn with, arrows, boxes, blocks, dingbats, Braille dots, clocks and moons. */
const DECORATION =
  /[\d\s|/\\+*.=#<>_~°·•…‹›«»∙⋅\-\u2010-\u2015\u2190-\u21ff\u2300-\u23ff\u2500-\u27bf\u2800-\u28ff\u2b00-\u2bff]|\ud83c[\udf00-\udf20]|\ud83d[\udd50-\udd67]/g;
/** How many shapes of redrawn lines are remembered: more than a screen has lines. */
const MOST_SHAPES = 64;

export function createRedrawFilter(): RedrawFilter {
  // The percentages that a shape was last drawn with; in the order of their last use.
  const shapes = new Map<string, string>();
  let redrawing = false;

  function isNew(segment: string): boolean {
    const shape = segment.replace(DECORATION, '');
    if (shape === '') return false;
    const percentages = (segment.match(PERCENTAGE) ?? []).join();
    const before = shapes.get(shape);
    shapes.delete(shape);
    shapes.set(shape, percentages);
    if (shapes.size > MOST_SHAPES) shapes.delete(shapes.keys().next().value!);
    return before !== percentages;
  }

  return {
    isDrawing: () => redrawing,
    isOutput(text) {
      const movesBack = MOVES_BACK.test(text);
      if (!movesBack && !redrawing) return stripSequences(text) !== '';
      // The text may come in another piece than the sequence that moved the cursor.
      redrawing = movesBack || !NEWLINE_AT_END.test(text);
      let found = false;
      for (const segment of stripSequences(text).split(/[\r\n]+/)) if (isNew(segment)) found = true;
      return found;
    },
  };
}
