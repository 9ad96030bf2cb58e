/** Whether a value looks drawn at random: long, of several kinds of characters, few repeated. A hash in hex does not count. */
export const looksRandom = (value: string): boolean => {
  if (value.length < 20 || /^[0-9a-f-]+$/i.test(value)) return false;
  if (!/\d/.test(value) || !/[a-z]/.test(value) || !/[A-Z]/.test(value)) return false;
  return bitsPerCharacter(value) > 3.8;
};

/** Shannon's entropy of the characters. */
const bitsPerCharacter = (value: string): number => {
  const counts = new Map<string, number>();
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / value.length) * Math.log2(count / value.length);
  return bits;
};
