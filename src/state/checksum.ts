/**
 * FNV-1a, 32 bits in 8 hex digits: against halves and accidents, not against malice. Not node:crypto, whose first hash
 * costs a millisecond of the start.
 */
export function checksum(text: string, basis = 0x811c9dc5): string {
  let hash = basis;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}
