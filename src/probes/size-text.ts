const units = ['B', 'K', 'M', 'G', 'T'] as const;

/** Bytes as an option would be written, rounded to three digits: `1.86G`. */
export function sizeText(bytes: number): string {
  let value = bytes;
  let power = 0;
  while (value >= 1000 && power < units.length - 1) {
    value /= 1024;
    power++;
  }
  return `${power === 0 ? Math.round(value) : Number(value.toPrecision(3))}${units[power]}`;
}
