import type { Category } from './rule.ts';

/** What the key line names: for recommendations and fingerprints. Null: it names none. */
export interface Details {
  readonly port: string | null;
  readonly host: string | null;
  readonly module: string | null;
  readonly variable: string | null;
  readonly path: string | null;
}

/** Written like variables, and none: codes of errors and statuses. */
const statusCode =
  /^(?:ERR|INVALID|PERMISSION|FAILED|NOT|ALREADY|DEADLINE|RESOURCE|OUT|DATA_LOSS|SSL|TLS|UNABLE|DEPTH|CERT|CUDA|CUDNN|CUBLAS|STATUS|HTTP|SQLITE|SELF_SIGNED|RATE_LIMIT|UNSUPPORTED|INSUFFICIENT|NONCE|CALL|ERROR|INTERNAL|MODULE|NETWORK_ERROR|SERVER_ERROR)_|_(?:ERROR|INVALID|EXCEEDED|DENIED|EXHAUSTED|EXPIRED|NOT_FOUND|FAILED)$/;

const variableIn = (text: string): string | null => {
  for (const [, name = ''] of text.matchAll(/\b([A-Z][A-Z0-9]*_[A-Z0-9_]{1,80})\b/g))
    if (!statusCode.test(name)) return name;
  return null;
};

const first = (text: string, ...patterns: readonly RegExp[]): string | null => {
  for (const pattern of patterns) {
    const found = pattern
      .exec(text)
      ?.slice(1)
      .find(group => group !== undefined && group !== '');
    if (found !== undefined) return found;
  }
  return null;
};

const hostName = '(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}[A-Za-z0-9])?\\.){0,8}[A-Za-z0-9_-]{1,63}';
const moduleWords =
  /No module named ['"]?([\w.]+)|Cannot find (?:module|package) ['"]([^'"\n]{1,300})['"]|cannot import name ['"](\w+)['"]|loading shared libraries: ([^\s:]{1,200})|Can't locate (\S{1,200}) in|cannot load such file -- (\S{1,200})|ClassNotFoundException: ([\w.$]{1,300})|NoClassDefFoundError: ([\w./$]{1,300})|spawn (\S{1,200}) ENOENT|exec: "([^"]{1,200})"|env: [\u2018'"]?([^:\u2019'"\s]{1,200})[\u2019'"]?: No such|: ([\w./-]{1,200}): (?:command )?not found|(?:^|: )([\w./-]{1,200}): not found$|'([^']{1,200})' is not recognized|no package called ['\u2018]([^'\u2019]{1,100})|undefined symbol: (\w{1,300})|Library not loaded: (\S{1,300})|Could not load file or assembly '([^,']{1,200})|Class ["']([\w\\]{1,200})["'] not found/;

/** The details of a line. Linear: every repetition is bounded. */
export const detailsOf = (text: string, category: Category): Details => {
  const port = first(
    text,
    /->[^\s:]{1,100}:(\d{2,5})\b/,
    /\bport\W{0,3}(\d{2,5})\b/i,
    /(?:\d{1,3}\.){3}\d{1,3}[:',\s]{1,3}(\d{2,5})\b/,
    /(?:localhost|::|\*|\]|[a-z][\w-]{0,60}(?:\.[\w-]{1,60}){0,6})(?<!errno|error|code|line|pid|\.(?:py|[cm]?[jt]s|go|rs|rb|java)):(\d{2,5})\b/i,
    // A bare number may be a port only where nothing before it says that it is another: 98 is an errno, 10048 Windows' own.
    category === 'port-in-use'
      ? /(?<!(?:errno|error|code|line|pid|process)[\s:=#(]{0,3}|\.(?:py|[cm]?[jt]s|go|rs|rb|java))[:\s](\d{2,5})\b/i
      : /(?!)/,
  );
  return {
    port,
    host: first(
      text,
      new RegExp(`[a-z][a-z0-9+.-]{1,15}://(?:[^\\s/@]{1,100}@)?(${hostName})`),
      /host(?:name)?[=:]? ?['"]([^'"\s]{1,200})['"]/,
      new RegExp(
        `(?:ENOTFOUND|EAI_AGAIN|resolve host:?|dial tcp: lookup|UnknownHostException:) ['"(]{0,2}(?!port=|host\\b|address\\b|name\\b|for\\b|the\\b)(${hostName}(?::\\d{1,5})?)`,
      ),
      // A name alone may be any word ("connect to API"): it needs a dot, a port, or to be this machine.
      /(?:host:|connect(?:ing|ion)? to(?: server| host)?(?: at| on)?|ECONNREFUSED) ['"(]{0,2}(localhost|(?:[\w-]{1,63}\.){1,8}[A-Za-z0-9-]{1,63}(?::\d{1,5})?)\b/,
      new RegExp(
        `(?<![\\w.:/-])((?!\\d{1,2}:\\d{2}\\b)(?=[^:]*[A-Za-z.])${hostName}(?<!\\.(?:py|[cm]?[jt]sx?|go|rs|rb|java|kt|php|cs|exs?|lua|scala|[ch](?:pp)?))(?<!\\b(?:error|errno|code|line|port|status|pid|exit)):\\d{2,5})\\b`,
      ),
    ),
    module: first(text, moduleWords),
    variable:
      variableIn(text) ??
      first(
        text,
        /KeyError: ['"]([^'"\n]{1,100})['"]/,
        /(?:option|argument|flag|variable|key|parameter|property|placeholder)s?:? ['"`$]{0,2}(-{0,2}[\w.-]{2,80})/,
        /(--[\w-]{2,60})/,
      ),
    path: first(
      text,
      /['"`]((?:[A-Za-z]:)?[^'"`\n]{0,300}[\\/][^'"`\n]{1,300})['"`]/,
      /(?:directory|file|open|stat|access|read|path):? ['"`]([^'"`\n]{1,300})['"`]/,
      /((?:[A-Za-z]:\\|\.{0,2}\/)[\w.@+~\\/-]{2,300}[\w~/\\-])/,
      /open ([\w.@+~/-]{2,300}): /,
    ),
  };
};
