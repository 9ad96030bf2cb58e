/** Text of a child without what would steer a terminal: escape sequences and control characters. For details of probes. */
export function stripSequences(text: string): string {
  return text
    .replace(/(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|\x1b./g, '')
    .replace(/[\x00-\x1f\x7f-\x9f]|[\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, '')
    .toWellFormed();
}

/** The last line that says something, without what would steer a terminal. */
export function lastWords(text: string): string {
  const lines = text.split(/[\r\n]+/).map(line => stripSequences(line).trim());
  return lines.findLast(line => line !== '') ?? '';
}
