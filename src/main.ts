import { runCli } from './cli/run.ts';

runCli(process.argv.slice(2)).then(({ code, atOnce }) => {
  if (atOnce) process.exit(code);
  process.exitCode = code;
});
