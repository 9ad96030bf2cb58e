import type { Category } from '../incident.ts';
import type { Line } from './log-lines.ts';

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
  /No module named ['"]?([\w.]+)|Cannot find (?:module|package) ['"]([^'"\n]{1,300})['"]|cannot import name ['"](\w+)['"]|Could not resolve ['"](\.{1,2}\/[^'"\n]{1,300})['"]|loading shared libraries: ([^\s:]{1,200})|Can't locate (\S{1,200}) in|cannot load such file -- (\S{1,200})|ClassNotFoundException: ([\w.$]{1,300})|NoClassDefFoundError: ([\w./$]{1,300})|spawn (\S{1,200}) ENOENT|exec: "([^"]{1,200})"|env: [\u2018'"]?([^:\u2019'"\s]{1,200})[\u2019'"]?: No such|: ([\w./-]{1,200}): (?:command )?not found|(?:^|: )([\w./-]{1,200}): not found$|'([^']{1,200})' is not recognized|no package called ['\u2018]([^'\u2019]{1,100})|undefined symbol: (\w{1,300})|Library not loaded: (\S{1,300})|Could not load file or assembly '([^,']{1,200})|Class ["']([\w\\]{1,200})["'] not found/;

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
      /host(?:name)?[=:]? ?['"]([^'"\s]{1,200})['"]|in upstream "([^"]{1,100})"/,
      new RegExp(
        `(?:ENOTFOUND|EAI_AGAIN|resolve host:?|\\blookup|UnknownHostException:) ['"(]{0,2}(?!port=|host\\b|address\\b|name\\b|for\\b|the\\b)(${hostName}(?::\\d{1,5})?)`,
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
      /['"`]((?:[A-Za-z]:)?[^'"`\n\s:=]{0,120}[\\/](?:(?!: )[^'"`\n]){1,300})['"`]/,
      /(?:directory|file|open|stat|access|read|path):? ['"`]([^'"`\n]{1,300})['"`]/,
      /(?<![\w:/])((?:[A-Za-z]:\\|\.{0,2}\/)[\w.@+~\\/-]{2,300}[\w~/\\-])/,
      /open ([\w.@+~/-]{2,300}): /,
    ),
  };
};

/** A place in the program's own code: the innermost frame of a trace that is not a library's. */
export interface Place {
  readonly path: string;
  /** Null where the trace gives none. */
  readonly line: number | null;
  /** The function; empty where the trace gives none. */
  readonly name: string;
  /** Not a library's. */
  readonly own: boolean;
}

/** The place that the frames of a trace point to; null if they name none. */
export const placeIn = (context: readonly string[]): Place | null => {
  const frames = context.map(readFrame).filter(frame => frame !== null);
  // Python's innermost frame comes last, everybody else's first.
  const ordered = frames[0]?.python === true ? frames.toReversed() : frames;
  return ordered.find(({ own }) => own) ?? ordered[0] ?? null;
};

/** `file:function`, for fingerprints: no line number, because an edit elsewhere in the file moves it. */
export const placeName = ({ path, name }: Place): string => `${baseName(path)}:${name}`;

/** `file:line`, for people; a file name that many folders have keeps its folder. */
export const placeText = ({ path, line, name }: Place): string => {
  const file = common.test(baseName(path)) ? lastTwo(path) : baseName(path);
  return line === null ? `${file}${name === '' ? '' : ` in ${name}`}` : `${file}:${line}`;
};

/** The source line that the log quotes for a place: below a frame (Python), below `path:line` (Node), numbered (Bun), or with carets (Ruby). */
export const sourceOf = (lines: readonly Line[], first: number, last: number, place: Place): string | null => {
  const { path, line } = place;
  if (line === null) return null;
  for (let at = last; at >= Math.max(0, first - quotedAbove); at -= 1) {
    const text = lines[at]?.text ?? '';
    const numbered = /^(\d{1,7}) \| {0,40}(\S.*)$/.exec(lines[at]?.shown ?? '');
    if (numbered !== null && Number(numbered[1]) === line) return quoted(numbered[2]);
    const below = lines[at + 1]?.text ?? '';
    if (text.startsWith(`File "${path}", line ${line}`) && isSource(below)) return quoted(below);
    if (isPointer(text, `${path}:${line}`) && isSource(below)) return quoted(below);
    if (text.startsWith(`${path}:${line}:in`) && below === '' && caret.test(lines[at + 3]?.text ?? ''))
      return quoted(lines[at + 2]?.text);
  }
  return null;
};

const quotedAbove = 12;
const longestSource = 120;
const caret = /^\^[\^~]*$/;
const isPointer = (text: string, place: string): boolean =>
  text.startsWith(place) && /^(?::\d+)*$/.test(text.slice(place.length));
const isSource = (text: string): boolean => text !== '' && !/^(?:File "|at |from |[~^]+$)/.test(text);
const quoted = (text = ''): string | null => (text === '' || text.length > longestSource ? null : text.trim());

interface Frame extends Place {
  readonly python: boolean;
}

const python = /^File "([^"\n]{1,400})", line (\d{1,7})(?:, in ([^\n]{1,200}))?/;
const node =
  /^at (?:async )?(?:([^\s(][^(\n]{0,200}?) \()?((?:file:\/\/)?(?:[A-Za-z]:\\|\/|node:|internal\/|webpack|\.{0,2}[\w-])[^\s()]{0,400}?):(\d{1,7})(?::\d{1,7})?\)?/;
const java = /^at ([\w.$/<>]{1,300})\(([\w$-]{1,100}\.(?:java|kt|scala|groovy))(?::(\d{1,7}))?\)/;
const dotnet = /^at ([\w.<>`[\]$]{1,300})\([^)\n]{0,300}\) in ([^\n]{1,300}):line (\d{1,7})/;
const ruby = /^(?:from )?([^\s:]{1,300}\.rb):(\d{1,7}):in [`']([^'\n]{1,200})'/;
const bare =
  /^(\/?[^\s:]{1,300}\.go):(\d{1,7})|panicked at (?:'[^'\n]{0,400}', )?([^\s:]{1,300}\.rs):(\d{1,7})| in (\/[^\s:]{1,300}\.php)(?::| on line )(\d{1,7})|^(?:lua[\d.]{0,4}: |\([\w ]{1,60} [\d.]{1,20}\) )([^\s:]{1,300}\.(?:lua|exs?|erl)):(\d{1,7})/;

const readFrame = (text: string): Frame | null => {
  const ofPython = python.exec(text);
  if (ofPython !== null) return frame(ofPython[1], ofPython[2], ofPython[3] ?? '<module>', true);
  const ofJava = java.exec(text);
  if (ofJava !== null) return frame(ofJava[2], ofJava[3], ofJava[1]);
  const ofDotnet = dotnet.exec(text);
  if (ofDotnet !== null) return frame(ofDotnet[2], ofDotnet[3], ofDotnet[1]);
  const ofRuby = ruby.exec(text);
  if (ofRuby !== null) return frame(ofRuby[1], ofRuby[2], ofRuby[3]);
  const ofNode = node.exec(text);
  if (ofNode !== null) return frame(ofNode[2], ofNode[3], ofNode[1] ?? '<top>');
  const found = bare
    .exec(text)
    ?.slice(1)
    .filter(group => group !== undefined);
  return found === undefined ? null : frame(found[0], found[1], '');
};

const frame = (path = '', line: string | undefined, name = '', isPython = false): Frame => ({
  path,
  line: line === undefined ? null : Number(line),
  name,
  own: !foreign.test(isPython ? path : `${path} ${name}`),
  python: isPython,
});

const foreign =
  /site-packages|dist-packages|node_modules|^node:|^internal\/|[\\/]lib[\\/]python\d|^<frozen|python\d{2,3}[\\/]lib[\\/]| (?:java|javax|jdk|sun|kotlin|scala|org\.springframework|org\.apache|org\.hibernate|io\.netty|com\.zaxxer|reactor)\.|[\\/]go[\\/](?:src|pkg)[\\/]|^\/(?:usr|opt)\/(?:local\/)?(?:go|lib)\/|\.cargo[\\/]|\/rustc\/|[\\/]gems[\\/]|\.pyx$|Lib[\\/]asyncio|webpack|\/vendor\//i;

/** File names that say nothing without their folder. */
const common = /^(?:index|main|app|mod|lib|__init__|__main__|server|utils?)\.\w{1,5}$/;
const baseName = (path: string): string => path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
const lastTwo = (path: string): string =>
  path
    .split(/[\\/]/)
    .filter(part => part !== '')
    .slice(-2)
    .join('/');

const nativeFrame =
  /(?:^|[\s[/\\(])([\w.+-]{1,80}\.(?:so(?:\.\d{1,4}){0,4}|node|dylib|dll|pyd))(?:\+0x|\(|\[|!| ?0x|\b.{0,4}$)/;
const system =
  /^(?:libc|libpthread|libstdc\+\+|libgcc_s|ld-linux\S*|ld-musl\S*|linux-vdso|libm|libdl|libsystem\w*|ntdll|kernel32|segfault-handler)\b/i;

/** The library in which native code crashed, by the innermost frame of a dump that is not the C library's; or Python's innermost file. */
export const nativeModule = (lines: readonly Line[]): string | null => {
  for (const { text } of lines.slice(-searchedLines)) {
    const name = nativeFrame.exec(text)?.[1];
    if (name !== undefined && !system.test(name)) return name.replace(/\.so\..*$/, '.so');
    const file = /^File "([^"\n]{1,400})", line \d+ in /.exec(text)?.[1];
    if (file !== undefined) return lastTwo(file);
  }
  return null;
};

const searchedLines = 400;
