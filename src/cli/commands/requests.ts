export function requestCommand(_: unknown): number {
  return 0;
}
