// Each alternative consumes at least one character and ends at a newline at the latest: linear whatever the child writes, and an
// operating system command that is never closed swallows its own line only.
const sequences = new RegExp(
  [
    '\\u001b\\][^\\u0007\\u001b\\n]*(?:\\u0007|\\u001b\\\\)?', // OSC: titles, links, clipboard
    '\\u009d[^\\u0007\\u009c\\n]*[\\u0007\\u009c]?',
    '\\u001b[PX^_][^\\u001b\\n]*(?:\\u001b\\\\)?', // DCS, SOS, PM, APC
    '[\\u0090\\u0098\\u009e\\u009f][^\\u009c\\n]*\\u009c?',
    '(?:\\u001b\\[|\\u009b)[0-?]*[ -/]*[@-~]?', // CSI: colours, cursor, erase
    '\\u001b[ -/]*[0-~]?',
  ].join('|'),
  'g',
);
const controls = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g;
// They reorder or hide what a person reads: the name of a file, the end of a command.
const bidi = /[\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Text without escape sequences, C0 and C1 controls and direction overrides. Line ends (CR and LF) and tabs stay. */
export const stripSequences = (text: string): string =>
  text.replace(sequences, '').replace(bidi, '').replace(controls, '').toWellFormed();
