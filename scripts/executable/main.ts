/** What the executable runs first: it loads the script that the command line asks for. A guess, since each finds the others. */
import { load } from './load.ts';

const [word = ''] = process.argv.slice(2);
const isLook =
  /^(?:status|ls|ps|list|show|describe|inspect|health|brief|incidents|logs|events|runs|version|help|-h|--help|-v|-V|--version)$/;
load(isLook.test(word) ? 'look' : word.startsWith('-') ? 'first' : 'second').runProgram();
