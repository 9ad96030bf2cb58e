/** What the executable runs first: it loads the script that the command line asks for. A guess, since each finds the other. */
import { load } from './load.ts';

const [word = ''] = process.argv.slice(2);
const isLook = !word.startsWith('-') || /^(?:-h|--help|-v|-V|--version)$/.test(word);
load(isLook ? 'second' : 'first').runProgram();
