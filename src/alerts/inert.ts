/** Foreign text in a chat: read, never obeyed. Pure. */

// It shows nothing, and breaks what a chat would act on.
const gap = '\u200b';

/**
 * The text with its mentions (`@everyone`, `<!channel>`, `<@U1>`), links and code fences broken by an invisible space, so that
 * a chat shows them and does nothing.
 */
export const inert = (text: string): string =>
  text
    .replace(/@(?=[\w\p{L}])/gu, `@${gap}`)
    .replace(/<(?=[!@#])/g, `<${gap}`)
    .replaceAll('://', `:${gap}//`)
    .replace(/`(?=`)/g, `\`${gap}`);

/** No control characters but line ends and tabs, no half of a surrogate pair. What cleans for real is brought by the caller. */
export const plain = (text: string): string =>
  text
    .replace(/\r\n?/g, '\n')
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '')
    .toWellFormed();
