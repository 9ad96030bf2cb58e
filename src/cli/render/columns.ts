/** Texts by the columns that a terminal shows them in. Pure. */
import stringWidth from 'string-width';

/** Of a longer line the rest is one cut line. */
const MOST_WRAPPED = 200;

/** Whether each of its letters is one column wide. */
export const isAscii = (text: string): boolean => /^[\x20-\x7e]*$/.test(text);
/** The columns that the text takes. */
export const widthOf = (text: string): number => (isAscii(text) ? text.length : stringWidth(text));
const letters = new Intl.Segmenter();

/** The text in exactly that many columns, cut with a `…` or filled with blanks. */
export function fitted(text: string, width: number, right = false): string {
  const had = widthOf(text);
  if (had <= width) return right ? ' '.repeat(width - had) + text : text + ' '.repeat(width - had);
  if (width < 1) return '';
  const { head, columns } = headOf(text, width - 1);
  return `${head}…${' '.repeat(width - 1 - columns)}`;
}

/** The text in that many columns at most, with a `…` where it is cut. */
export function cutTo(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  return width < 1 ? '' : `${headOf(text, width - 1).head}…`;
}

/** As much of the text as fits, by letters that people see as one. */
function headOf(text: string, width: number): { head: string; columns: number } {
  let end = 0;
  let columns = 0;
  for (const { segment, index } of letters.segment(text.slice(0, 4 * width + 64))) {
    const wide = widthOf(segment);
    if (columns + wide > width) break;
    columns += wide;
    end = index + segment.length;
  }
  return { head: text.slice(0, end), columns };
}

/** The text over as many lines as it needs, broken at blanks where there is one near the end. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let rest = text.replaceAll('\t', '    ');
  while (widthOf(rest) > width && lines.length < MOST_WRAPPED) {
    const { head } = headOf(rest, width);
    const blank = head.lastIndexOf(' ');
    // One letter may be wider than a terminal of one column.
    const end = blank > head.length * 0.6 ? blank + 1 : Math.max(1, head.length);
    lines.push(rest.slice(0, end));
    rest = rest.slice(end);
  }
  return [...lines, rest].map(line => fitted(line, width));
}
