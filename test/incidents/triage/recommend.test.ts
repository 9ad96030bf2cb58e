import { describe, expect, test } from 'vitest';
import { triage } from '../../../src/incidents/triage/triage.ts';

const adviceOn = (...lines: string[]) =>
  triage({ exit: { code: 1, signal: null }, output: `${lines.join('\n')}\n` }).recommendation;
const python = (source: string, error: string) =>
  adviceOn(
    'Traceback (most recent call last):',
    '  File "/srv/my_agent.py", line 9, in <module>',
    `    ${source}`,
    error,
  );

describe('an unhandled exception', () => {
  test('is named with file, line and source line, and what to handle', () => {
    expect(python('print(parts[3])', 'IndexError: list index out of range')).toBe(
      'Unhandled IndexError at my_agent.py:9 (`print(parts[3])`). Handle the case of fewer parts.',
    );
  });

  test.each([
    ["KeyError: 'usage'", "Handle the case that the key 'usage' is missing."],
    ["AttributeError: 'NoneType' object has no attribute 'text'", 'Handle the case that the value is missing there.'],
    ['ZeroDivisionError: division by zero', 'Handle a divisor of zero.'],
    ["NameError: name 'planner' is not defined", 'Define planner or correct its spelling.'],
  ])('%s: %s', (error, advice) =>
    expect(python('step()', error)).toMatch(new RegExp(`${advice.replaceAll('.', '\\.')}$`)),
  );

  test('of Node quotes the line that the log points at', () => {
    const trace = ['/srv/bot/plan.js:3', '  return reply.steps[0];', '               ^', ''];
    const error = [
      "TypeError: Cannot read properties of undefined (reading '0')",
      '    at plan (/srv/bot/plan.js:3:16)',
    ];
    expect(adviceOn(...trace, ...error, '', 'Node.js v24.1.0')).toMatch(
      /^Unhandled TypeError at plan\.js:3 \(`return reply\.steps\[0\];`\)\./,
    );
  });

  test('of Ruby quotes the line above the carets', () => {
    const trace = [
      "/srv/plan.rb:4:in 'Plan#step': undefined method 'first' for nil (NoMethodError)",
      '',
      '    reply.first',
      '         ^^^^^^',
    ];
    expect(adviceOn(...trace, "\tfrom /srv/bot.rb:2:in '<main>'")).toMatch(
      /^Unhandled NoMethodError at plan\.rb:4 \(`reply\.first`\)\./,
    );
  });

  test('inside a library alone names no line of it', () => {
    const frame = '    at make (/srv/bot/node_modules/x/errors.js:12:3)';
    expect(adviceOn('Error: order rejected', frame)).not.toContain('errors.js:12');
  });
});

describe('JSON that does not parse', () => {
  const error = 'json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)';
  const of = (source: string) =>
    triage({
      exit: { code: 1, signal: null },
      output: `Traceback (most recent call last):\n  File "/srv/a.py", line 9, in step\n    ${source}\n${error}\n`,
    });

  test.each(['json.loads(reply)', 'plan = json.loads(message.content)', 'json.loads(completion.choices[0].text)'])(
    'of a reply is an error of the program, without advice on files: %s',
    source => {
      expect(of(source).category).toBe('unhandled-exception');
      expect(of(source).recommendation).toContain(`a.py:9 (\`${source}\`)`);
      expect(of(source).recommendation).not.toMatch(/\bfile\b|rename/);
    },
  );

  test.each(['state = json.load(open("state.json"))', 'json.loads(Path(p).read_text())', 'load_state(path)'])(
    'of a file is corrupt state: %s',
    source => expect(of(source).category).toBe('corrupt-state'),
  );
});

describe('hosts and variables are named only where the line has one', () => {
  test.each([
    'Error: connect to API failed: Connection refused',
    'could not connect to host: Connection refused',
    'main.go:31: dial failed: connection refused',
  ])('%s', line => expect(adviceOn(line)).not.toMatch(/listens at (?:API|host|main)\b/));

  test('a status code is no variable', () => {
    expect(adviceOn('rpc error: INVALID_ARGUMENT: the model is not set')).not.toContain('INVALID_ARGUMENT is');
  });
});

describe('situations of their own', () => {
  test.each([
    ["Error: Cannot find module './lib/queue.js' imported from /srv/a.mjs", './lib/queue.js was built and deployed'],
    ['cannot read config /etc/feed/feed.conf: No such file or directory', 'Check that /etc/feed/feed.conf exists'],
    ['exec /entrypoint.sh: exec format error', 'uname -m'],
    ['InsufficientFunds: exchange has insufficient balance for requested action.', 'Check balance, open orders'],
    ['Host key verification failed.', 'known_hosts'],
    ['connection to server on socket "/run/pg/.s.PGSQL.5432" failed: No such file or directory', 'No server listens'],
    ['==7==ERROR: AddressSanitizer: heap-use-after-free on address 0x60', 'the first frame below the key line'],
    ['PDOException: could not find driver', 'Install the package'],
    ['[emerg] 7#7: host not found in upstream "backend" in /etc/nginx.conf:3', 'whether backend resolves here'],
  ])('%s', (line, advice) => expect(adviceOn(line)).toContain(advice));

  test('an address is not taken for a path', () =>
    expect(adviceOn('ENOENT: no such file, see https://docs.example.com/errors/enoent')).not.toContain('//docs'));

  test('a quoted sentence is not taken for a path', () =>
    expect(adviceOn('level=error err="error loading config file /etc/agent.yaml: yaml: line 14"')).toContain(
      'in /etc/agent.yaml at',
    ));

  test('an exception with a cause names the place of the cause', () => {
    const trace = [
      'Exception in thread "main" java.lang.RuntimeException: order 7 was not read',
      '\tat Orders.main(Orders.java:7)',
      'Caused by: java.lang.NumberFormatException: For input string: "12a"',
      '\tat java.base/java.lang.Integer.parseInt(Integer.java:668)',
      '\tat Orders.parse(Orders.java:4)',
    ];
    expect(adviceOn(...trace)).toContain('Orders.java:4');
  });
});
