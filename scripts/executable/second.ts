/**
 * The executable's second script: the commands that act, and the libraries that are loaded late. A plain watcher needs neither, and
 * V8 keeps the text of a script for as long as it runs.
 */
export { runLook } from '../../src/cli/looks.ts';
export { runCli, runProgram } from '../../src/main.ts';
export { libraries, modules } from './libraries.ts';
