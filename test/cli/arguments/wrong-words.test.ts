import { describe, expect, test } from 'vitest';
import { harmful } from '../../../src/cli/arguments/commands.ts';
import { parse } from '../../../src/cli/arguments/parse.ts';
import { faultOf, somewhere } from '../somewhere.ts';

/** Typos, wrong order, other tools' verbs, and words that mean nothing. */
const wrong = `
strat bot|stpo bot|sotp bot|satus|statsu|healt|heath|lgos bot|lofs bot|evnts|incedents|incident|dignose bot|restrt bot|rstart bot
rest bot|rset bot|singal bot HUP|instal -- x|uninstal bot|docter|compltion bash|delte bot|dlete bot --yes|aply x|appy x|chek x|dwon x
schem|innit|breif|brif|versoin|hlep|startt bot|stopp bot|stops bot|killl bot|rmm bot|lst|sho bot|inspec bot|descrbe bot
log bot|tail bot|attach bot|stat bot|services|info bot|desc bot|enable bot|errors|crashes|why bot|explain bot|summary|healthcheck|ping
reload bot|disable bot|pm2 start x|supervisorctl status|systemctl stop bot|docker ps|freeze|resume bot|pause bot|scale bot 2|exec bot sh
run x|watch x|validate x|lint x|verify x|diff x|deploy x|sync x|import x|create x|new x|bot stop|bot restart|bot logs|all stop
--stop bot|--kill bot|--restart-all|--nwo bot|--fllow|--jsn|--naem x -- y|--backof 1s -- y|--verison|--hepl|-x|-q -- y
stop|restart|reset|delete|rm|kill|signal|signal bot|signal TERM|signal bot FOO|stop a --all|restart --all a|show|describe|inspect
logs bot -n|logs bot --since soon|logs bot --run 0|logs bot --grep (|logs bot --until 25:00|events --since 2026-13-45|brief --since yesterdya
apply|down|check|init a b|schema x|apply x --yes|delete a --prune|status --wait|stop bot --json|health --watch|incidents show
diagnose|diagnose a b|start a -- b|start a --name b|start --all --config x|--progress-pattern x -- y|--metrics m -- y|--json -- x

daemon-reload|reread|update|add bot|avail|tail -f bot|fg bot|pid bot|shutdown|clear bot|maintail|startall|save|resurrect|flush|unmonitor bot
monitor bot|ecosystem|startup|is-active bot|mask bot|sv up bot|sv restart bot|once bot|hup bot|term bot|exit bot|force-stop bot|wait bot
unpause bot|port bot|run ubuntu ls|signal SIGUSR1 bot|signal USR1 bot|signal bot ABR|kill -9 bot|rm -f bot|check -f x.yaml|up|up -d
serve 8080|serve --port 8080|serve -p 8080|runs mark 3 good|runs show bot 1..3|mcp --allow-contol|top --refresh 1|completion csh|doctor --fix
logs bot --since 1 hour|--restart=no -- x|--restart unless-stopped -- x|--max-memory 2 -- x|--health-interval 30 -- x|-c sleep|start bot -- x
`;
const lines = wrong
  .trim()
  .split(/[\n|]/)
  .map(line => line.trim());

test('there are 190 of them', () => expect(lines.length).toBeGreaterThanOrEqual(190));

test.each([
  ['signal SIGUSR1 bot', 'signal: "bot" is not a signal, which comes last; usage: agent-watch signal'],
  ['signal bot ABR', 'unknown signal "ABR"'],
  ['rm -f bot', '-f (--follow) is not an option of delete; '],
  ['check -f x.yaml', '-f (--follow) is not an option of check; '],
  ['check --follow x.yaml', '--follow is not an option of check; '],
  ['up', 'up: missing argument; usage: agent-watch up <file|dir...> [--dry-run]'],
  ['hup bot', 'unknown command "hup" (to watch a program'],
  ['reread', 'unknown command "reread"; did you mean apply FILE --dry-run?'],
  ['runs mark 3 good', 'invalid number of a run "good"; usage: agent-watch runs mark <name> N good|bad'],
])('%s: %s', async (line, message) => {
  expect(await faultOf(() => parse(line.split(' '), somewhere()))).toContain(message);
});

describe('a wrong command line is one line and 125, and no suggestion stops or resets anything', () => {
  test.each(lines)('%s', async line => {
    const message = await faultOf(() => parse(line.split(' '), somewhere()));
    const suggested = /did you mean ([a-z-]+)/.exec(message)?.[1];
    if (suggested !== undefined) expect([...harmful, '--now', '--prune', '--yes']).not.toContain(suggested);
    expect(message.length).toBeLessThan(220);
  });
});
