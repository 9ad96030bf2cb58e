/**
 * Tells V8 to compile no more code with its optimising compilers. Each function that becomes hot leaves kilobytes of machine code,
 * and the compilers' own working memory is never given back: 18 MB after a thousand restarts, in which nothing ever runs faster
 * for it, since spawning is all the kernel's work. As flags at the start these would be refused together with the code cache.
 * What is compiled already stays.
 */
export async function compileNoMore(): Promise<void> {
  const { setFlagsFromString } = await import('node:v8');
  for (const flag of ['--no-opt', '--no-maglev']) setFlagsFromString(flag);
}
