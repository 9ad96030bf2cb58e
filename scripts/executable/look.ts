/**
 * The executable's script of the commands that look: status, health, brief, incidents, logs, events, runs. It is read and taken from the code
 * cache as a whole, so it holds these alone, and asks the second one for everything else.
 */
export { runCli, runProgram } from '../../src/main.ts';
