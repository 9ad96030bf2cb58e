import { runCli } from './cli/run.ts';
import { exitAtOnce } from './host/own-process.ts';

runCli(process.argv.slice(2)).then(({ code, atOnce }) => {
  if (atOnce) exitAtOnce(code);
  process.exitCode = code;
});
