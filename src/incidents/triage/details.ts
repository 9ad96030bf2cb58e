import type { Category } from './rule.ts';

/** What the key line names: for recommendations and fingerprints. Null: it names none. */
export interface Details {
  readonly port: string | null;
  readonly host: string | null;
  readonly module: string | null;
  readonly variable: string | null;
  readonly path: string | null;
}

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
        `(?:ENOTFOUND|EAI_AGAIN|host:|resolve host:?|lookup|connect to(?: server)?(?: at| on)?|UnknownHostException:|ECONNREFUSED) ['"(]{0,2}(${hostName}(?::\\d{1,5})?)`,
      ),
      new RegExp(`\\b(${hostName}:\\d{2,5})\\b`),
    ),
    module: first(text, moduleWords),
    variable: first(
      text,
      /\b([A-Z][A-Z0-9]*_[A-Z0-9_]{1,80})\b/,
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

/**
 * The place in the program's own code that a trace points to, as `file:function`: no line number, because an edit elsewhere in
 * the file moves it. Null when the trace names none.
 */
export const placeOf = (context: readonly string[]): string | null => {
  const frames = context.map(readFrame).filter(frame => frame !== null);
  // Python's innermost frame comes last, everybody else's first.
  const ordered = frames[0]?.python === true ? frames.toReversed() : frames;
  const own = ordered.find(frame => !isForeign(frame.path)) ?? ordered[0];
  return own === undefined ? null : `${baseName(own.path)}:${own.name}`;
};

interface Frame {
  readonly path: string;
  readonly name: string;
  readonly python: boolean;
}

const python = /^File "([^"\n]{1,400})", line \d+(?:, in ([^\n]{1,200}))?/;
const node =
  /^at (?:async )?(?:([^\s(][^(\n]{0,200}?) \()?((?:file:\/\/)?(?:[A-Za-z]:\\|\/|node:|internal\/|webpack|\.{0,2}[\w-])[^\s()]{0,400}?):\d{1,7}(?::\d{1,7})?\)?/;
const java = /^at ([\w.$/<>]{1,300})\(([\w$-]{1,100}\.(?:java|kt|scala|groovy))(?::\d+)?\)/;
const dotnet = /^at ([\w.<>`[\]]{1,300})\([^)\n]{0,300}\) in ([^\n]{1,300}):line \d+/;
const go = /^(\/?[^\s:]{1,300}\.go):\d+/;
const rust = /panicked at (?:'[^'\n]{0,400}', )?([^\s:]{1,300}\.rs):\d+/;
const ruby = /^(?:from )?([^\s:]{1,300}\.rb):\d+:in [`']([^'\n]{1,200})'/;

const readFrame = (text: string): Frame | null => {
  const isPython = python.exec(text);
  if (isPython !== null) return { path: isPython[1] ?? '', name: isPython[2] ?? '<module>', python: true };
  const isJava = java.exec(text);
  if (isJava !== null) return { path: isJava[1] ?? '', name: isJava[2] ?? '', python: false };
  const isDotnet = dotnet.exec(text);
  if (isDotnet !== null) return { path: isDotnet[2] ?? '', name: isDotnet[1] ?? '', python: false };
  const isRuby = ruby.exec(text);
  if (isRuby !== null) return { path: isRuby[1] ?? '', name: isRuby[2] ?? '', python: false };
  const isNode = node.exec(text);
  if (isNode !== null) return { path: isNode[2] ?? '', name: isNode[1] ?? '<top>', python: false };
  const path = go.exec(text)?.[1] ?? rust.exec(text)?.[1];
  return path === undefined ? null : { path, name: '', python: false };
};

const foreign =
  /site-packages|dist-packages|node_modules|^node:|^internal\/|[\\/]lib[\\/]python\d|^<frozen|python\d{2,3}[\\/]lib[\\/]|^(?:java|javax|jdk|sun|kotlin|scala|org\.springframework|org\.apache|org\.hibernate|io\.netty|com\.zaxxer|reactor)\.|[\\/]go[\\/](?:src|pkg)[\\/]|^\/(?:usr|opt)\/(?:local\/)?(?:go|lib)\/|\.cargo[\\/]|\/rustc\/|[\\/]gems[\\/]|\.pyx$|Lib[\\/]asyncio|webpack/i;
const isForeign = (path: string): boolean => foreign.test(path);

const baseName = (path: string): string => path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
