/** The executable's first script: what a plain watcher needs. */
export { runProgram } from '../../src/main.ts';
