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
