import { runProgram } from './cli/run.ts';

void runProgram();
