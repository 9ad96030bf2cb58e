import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { defaultName, nameWithFolderHash } from '../../../src/cli/naming/default-name.ts';

const pattern = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

describe('the name that a command gives', () => {
  test.each<[string | string[], string]>([
    ['python3 my_agent.py', 'my_agent'],
    ['python3 -u my_agent.py --name x.py', 'my_agent'],
    ['/usr/bin/python3.11 /srv/bots/trader.py', 'trader'],
    ['python -m mod', 'mod'],
    ['python -um pkg.worker --fast', 'pkg.worker'],
    ['python3 -X dev -W ignore my.py', 'my'],
    [['python3', '-c', 'print(1)'], 'python3'],
    ['python3 -', 'python3'],
    ['python3', 'python3'],
    ['python3 agent/__main__.py', 'agent'],
    ['python3 ./mydir/', 'mydir'],
    ['node x.js', 'x'],
    ['node --import tsx src/index.ts', 'src'],
    ['node --max-old-space-size=4096 dist/server.mjs', 'server'],
    [['node', '-e', '1'], 'node'],
    ['tsx watcher.ts', 'watcher'],
    ['npm run worker', 'worker'],
    ['npm run worker:prod -- --fast', 'worker-prod'],
    ['npm --prefix app run x', 'x'],
    ['npm start', 'start'],
    ['yarn x', 'x'],
    ['yarn run x', 'x'],
    ['yarn workspace api dev', 'dev'],
    ['pnpm --filter api run dev', 'dev'],
    ['pnpm dlx cowsay@2 hi', 'cowsay'],
    ['npx -y @scope/tool@1.2.3 --x', 'tool'],
    ['npx tsx agent.ts', 'agent'],
    ['npx -p typescript tsc', 'tsc'],
    ['bun run x', 'x'],
    ['bun bot.ts', 'bot'],
    ['bunx some-tool', 'some-tool'],
    ['deno run -A --config deno.json x.ts', 'x'],
    ['deno task dev', 'dev'],
    ['uv run x', 'x'],
    ['uv run x.py', 'x'],
    ['uv run --with rich python my_agent.py', 'my_agent'],
    ['uv run -m mod', 'mod'],
    ['uvx tool@latest', 'tool'],
    ['uvx --from pkg==1.0 cli', 'cli'],
    ['uv tool run ruff', 'ruff'],
    ['poetry run x', 'x'],
    ['poetry run python -m app.main', 'app.main'],
    ['pipenv run python bot.py', 'bot'],
    ['conda run -n env python train.py', 'train'],
    ['pipx run black', 'black'],
    ['bundle exec sidekiq', 'sidekiq'],
    ['java -jar target/x.jar --port 1', 'x'],
    ['java -Xmx1g -cp a:b com.foo.Main', 'com.foo.Main'],
    ['ruby worker.rb', 'worker'],
    ['php artisan queue:work', 'artisan'],
    ['go run ./cmd/api', 'api'],
    ['go run main.go', 'main'],
    ['go run .', 'go'],
    ['cargo run --release --bin engine', 'engine'],
    ['cargo run', 'cargo'],
    ['dotnet Api.dll', 'Api'],
    ['make serve', 'serve'],
    ['./bot', 'bot'],
    ['./run.sh', 'run'],
    ['/usr/bin/foo', 'foo'],
    ['/opt/agent-1.2', 'agent-1.2'],
    ['bash script.sh', 'script'],
    ['bash -x ./deploy.sh', 'deploy'],
    [['sh', '-c', 'python3 my_agent.py | tee log'], 'my_agent'],
    [['bash', '-lc', 'cd /srv && exec python3 my_agent.py'], 'my_agent'],
    [['sh', '-c', 'A=1 B=2 ./bot --x'], 'bot'],
    [['sh', '-c', 'while true; do ./tick; sleep 1; done'], 'tick'],
    [['sh', '-c', 'exit 1'], 'exit'],
    [['sh', '-c', ''], 'sh'],
    ['sh', 'sh'],
    ['env A=b C=d python3 x.py', 'x'],
    ['env -u HOME -i ./bot', 'bot'],
    ['nohup nice -n 10 ./bot', 'bot'],
    ['timeout -k 5 60 ./bot', 'bot'],
    ['sudo -u alice ./bot', 'bot'],
    ['stdbuf -oL python3 x.py', 'x'],
    ['taskset -c 0 ./bot', 'bot'],
    ['tini -- node server.js', 'server'],
    ['gunicorn app:app -w 4', 'gunicorn'],
    ['uvicorn app:app', 'uvicorn'],
    [['./my agent.py'], 'my-agent'],
    [['./名前'], 'command'],
    [['./...'], 'command'],
    [['/'], 'command'],
    ['npm toString', 'toString'],
    ['uv constructor', 'uv'],
    [[`./${'x'.repeat(100)}`], 'x'.repeat(64)],
  ])('%j is %s', (command, name) =>
    expect(defaultName(typeof command === 'string' ? command.split(' ') : command)).toBe(name),
  );

  test('is always a valid one', () => {
    const part = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('sh', 'env', 'npx', 'uv', 'run', '-c', '-m', 'python3', 'npm', '--', 'timeout', 'A=b', '-n'),
    );
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 12 }), command => {
        expect(defaultName(command)).toMatch(pattern);
      }),
      { numRuns: 2000 },
    );
  });
});

test('a name with the hash of a folder is a name, the same for the same folder', () => {
  expect(nameWithFolderHash('bot', '/srv/a')).toMatch(/^bot-[0-9a-f]{4}$/);
  expect(nameWithFolderHash('bot', '/srv/a')).toBe(nameWithFolderHash('bot', '/srv/a'));
  expect(nameWithFolderHash('bot', '/srv/a')).not.toBe(nameWithFolderHash('bot', '/srv/b'));
  expect(nameWithFolderHash('x'.repeat(64), '/srv/a')).toMatch(pattern);
});
