const prime = 0x100000001b3n;
const offset = 0xcbf29ce484222325n;
const mask = 0xffffffffffffffffn;

/** FNV-1a of the UTF-8 bytes, 64 bits as 16 hex digits: to tell texts apart, not to protect them. */
export const fnv1a64 = (text: string): string => {
  let hash = offset;
  for (const byte of new TextEncoder().encode(text)) hash = ((hash ^ BigInt(byte)) * prime) & mask;
  return hash.toString(16).padStart(16, '0');
};
