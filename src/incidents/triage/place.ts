import type { Line } from './log-lines.ts';

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
