/** Ports that a program may have wanted, best first: what its failing line names, its command, its last words. */
export function portsNamed(keyLine: string | null, command: readonly string[], output: string): number[] {
  const end = output.slice(-LOOKED_AT_CHARS);
  const found = [...behindWords(keyLine ?? ''), ...inCommand(command), ...behindWords(end)];
  return [...new Set(found)].slice(0, MOST);
}

const LOOKED_AT_CHARS = 16 * 1024;
const MOST = 8;

/** `port 8080`, `port: 8080`, `0.0.0.0:8080`, `[::]:8080`, `:::8080`, `('127.0.0.1', 8080)`, `localhost:8080`. No bare number: errno is one too. */
const NAMED =
  /\bport\W{0,3}(\d{2,5})\b|(?:\d{1,3}\.){3}\d{1,3}['"]?[:,]\s?(\d{2,5})\b|(?:localhost|\*|\]|::):(\d{2,5})\b/gi;

function behindWords(text: string): number[] {
  return [...text.matchAll(NAMED)].flatMap(match => portIn(match[1] ?? match[2] ?? match[3]));
}

/** Arguments that are a number, or end in one: `8080`, `--port=8080`, `0.0.0.0:8080`. */
function inCommand(command: readonly string[]): number[] {
  return command.flatMap(argument => portIn(/(?:^|[=:])(\d{2,5})$/.exec(argument)?.[1]));
}

function portIn(digits: string | undefined): number[] {
  const port = Number(digits);
  return port > 0 && port < 65_536 ? [port] : [];
}
