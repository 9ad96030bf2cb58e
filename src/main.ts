import { execa } from 'execa';

console.log('hello', typeof execa, process.argv);
