import type { Rule } from '../../incident.ts';

/** A module, library or command that is not there, or not the right one. */
export const dependencyRules: readonly Rule[] = [
  {
    id: 'dependency.browser',
    category: 'missing-dependency',
    pattern:
      /Executable doesn't exist at|Could not find (?:Chrome|Chromium|Firefox)|Browser was not found|cannot find (?:Chrome|Firefox|msedge|\w{1,20}) binary|Unable to obtain driver|NoSuchDriver|only supports (?:Chrome|Edge|Firefox|Chromium) version|session not created: .{0,60}\bversion\b|missing dependencies to run browsers|(?:chromedriver|geckodriver)\S{0,8} executable|Expected browser binary location|playwright install|puppeteer browsers install|browsers? (?:is|are) not installed/i,
    example: 'Browser was not found, install one first',
    weight: 0.45,
    check:
      'Install the browser and a driver of the same version where the service runs, as its user: `npx playwright install --with-deps` for Playwright, the packages chromium and chromium-driver for Selenium.',
  },
  {
    id: 'dependency.browser-launch',
    category: 'missing-dependency',
    pattern: /Failed to launch the browser process|browserType\.launch:|Failed to launch (?:chrome|chromium|firefox)/i,
    example: 'Error: Failed to launch the browser process',
    check:
      'Start the browser by hand as the user of the service: what it prints first (a missing library, no sandbox as root) is the cause.',
  },
  {
    id: 'dependency.versions',
    category: 'missing-dependency',
    pattern:
      /unable to resolve dependency tree|\bERESOLVE\b|Conflicting peer dependency|EBADENGINE|engine "\w{1,20}" is incompatible|is not in this registry|\bE404\b|404 Not Found - GET|\bETARGET\b|No matching version found|must install or update \.NET|[Ff]ramework .{1,80} was not found|hostfxr|No interpreter found for|linker [`'"]?\w{1,30}['"`]? not found|Failed to spawn: |program not found|requires (?:php|ext-)\S{0,20} .{0,80}(?:does not satisfy|missing)|resolved to an installable set|^Command not found: |in locally installed gems|not found in current path|Module not found "/,
    example: 'error app@1.0.0: The engine "node" is incompatible with this module',
    weight: 0.35,
    check: 'Install the version that the key line asks for ({module|see the key line}), or change what requires it.',
  },
  {
    id: 'dependency.circular-import',
    category: 'unhandled-exception',
    pattern: /partially initialized module|circular import/i,
    example:
      "ImportError: cannot import name 'a' from partially initialized module 'm' (most likely due to a circular import)",
    weight: 0.4,
    check: 'Two modules import each other. Move one of the imports into the function that needs it.',
  },
  {
    id: 'dependency.glibc',
    category: 'missing-dependency',
    pattern: /version `?[A-Z]\w{1,20}_[\d.]+'? not found|GLIBC_[\d.]+.{0,20}not found/,
    example: "./app: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by ./app)",
    weight: 0.4,
    check:
      'The program was built for a newer system than this one. Use a build for this system, or a newer base image.',
  },
  {
    id: 'dependency.main-script',
    category: 'missing-file',
    pattern: /Cannot find module '(?:\/|[A-Za-z]:\\)[^'\n]{1,300}'/,
    context: /requireStack: \[\]/,
    example: "Error: Cannot find module '/srv/app/server.js' … requireStack: []",
    weight: 0.4,
    check: 'Check that {path|the script} exists: Node was told to run a file that is missing.',
  },
  {
    id: 'dependency.own-file',
    category: 'missing-dependency',
    pattern:
      /(?:Cannot find module|Could not resolve) ['"](?:\.{1,2}\/|\/|file:|[A-Za-z]:\\)(?![^'"]{0,300}node_modules)/,
    example:
      "Error [ERR_MODULE_NOT_FOUND]: Cannot find module '/srv/app/lib/queue.js' imported from /srv/app/index.mjs",
    weight: 0.3,
    check: 'Check that {module|the file} was built and deployed, and the spelling of its import (case and extension).',
  },
  {
    id: 'dependency.python-home',
    category: 'bad-config',
    pattern: /No module named '?encodings|init_fs_encoding|initfsencoding/,
    example: 'Fatal Python error: init_fs_encoding: failed to get the Python codec of the filesystem encoding',
    weight: -0.4,
    check:
      'Python does not find its standard library. Check PYTHONHOME, and that the virtual environment still exists.',
  },
  {
    id: 'dependency.python-module',
    category: 'missing-dependency',
    pattern:
      /No module named|ModuleNotFoundError|Error loading \w{1,40} module\b|cannot import name|^(?:\w+\.){0,6}ImportError\b|DistributionNotFound|PackageNotFoundError|VersionConflict|DLL load failed/,
    example: "ModuleNotFoundError: No module named 'langgraph'",
    weight: 0.3,
    check:
      'Install {module|the module} in the environment that runs the service (`python -m pip show` tells whether it is there), and check that the service uses that interpreter. A module of your own is found only from the directory that holds it.',
  },
  {
    id: 'dependency.node-module',
    category: 'missing-dependency',
    pattern:
      /Cannot find (?:module|package)|MODULE_NOT_FOUND|Could not resolve ['"]|Module not found: |ERR_PACKAGE_PATH_NOT_EXPORTED|Cannot resolve module|ERR_DLOPEN_FAILED|NODE_MODULE_VERSION|ERR_UNKNOWN_BUILTIN_MODULE|invalid ELF header|No native build was found|[Cc]ould not locate the bindings file/,
    example: "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'zod' imported from /srv/bot/index.mjs",
    weight: 0.3,
    check:
      'Check that {module|the package} is in package.json, and run `npm ci` here with the Node version of the service.',
  },
  {
    id: 'dependency.shared-library',
    category: 'missing-dependency',
    pattern:
      /error while loading shared libraries|cannot open shared object file|Library not loaded|image not found|undefined symbol|symbol lookup error|symbol not found|DLL .{0,80}not found|specified module could not be found|UnsatisfiedLinkError|no \w+ in java\.library\.path|dlopen\b|could not load (?:the )?(?:dynamic |shared )?library|unable to load (?:dynamic |shared )?library/i,
    example:
      './worker: error while loading shared libraries: libpq.so.5: cannot open shared object file: No such file or directory',
    weight: 0.4,
    check: 'Install the package that contains {module|the library}. `ldd` shows what is missing.',
  },
  {
    id: 'dependency.jvm-class',
    category: 'missing-dependency',
    pattern:
      /ClassNotFoundException|NoClassDefFoundError|Could not find or load main class|UnsupportedClassVersionError|NoSuchMethodError|No suitable driver|no main manifest attribute|JAVA_HOME is not set|Unsupported class file major version/,
    example: 'java.lang.NoClassDefFoundError: org/slf4j/LoggerFactory',
    weight: 0.3,
    check: 'Check the class path and the Java version: {module|the class} is not in what was deployed.',
  },
  {
    id: 'dependency.command',
    category: 'missing-dependency',
    pattern:
      /command not found|(?<!provided): not found$|not recognized as (?:an internal|the name of)|executable file not found|\bspawn \S{1,200} ENOENT|env: .{1,80}No such file or directory|bad interpreter|unknown command: |No such command|is not in (?:your |the )?PATH|needs to be in PATH|not found in (?:\$|%|your |the )?PATH|Unable to locate executable|Executable doesn't exist|Could not find (?:Chrome|browser|Chromium)|cannot find Chrome|NoSuchDriverException|Couldn't find ffm|No JAVA_HOME|No compiler|could not find (?:the )?(?:executable|command|program)|Please (?:install|run:? `?(?:npm|pip|yarn|npx|playwright) )|(?:is|are|was) not installed|not installed\b|(?:try|by|Run|run|with):? [`"']?(?:pip3?|npm|yarn|apt|apt-get|brew|cargo|gem|go|npx) (?:install|get)\b/,
    example: 'run.sh: line 12: ffmpeg: command not found',
    weight: 0.3,
    check:
      'Install {module|the command}, or add its directory to the PATH of the service. The PATH of your shell does not apply to a service.',
  },
  {
    id: 'dependency.python-command',
    category: 'missing-dependency',
    pattern: /^FileNotFoundError: \[(?:Errno|WinError) 2\] (?:No such file|The system cannot find)/,
    context: /subprocess\.py|_execute_child|Popen|subprocess\.(?:run|call|check)|create_subprocess/,
    example:
      'FileNotFoundError: [WinError 2] The system cannot find the file specified … in subprocess.py, _execute_child',
    weight: 0.5,
    check: 'Install {path|the command that is started}, or add its directory to the PATH of the service.',
  },
  {
    id: 'dependency.other-languages',
    category: 'missing-dependency',
    pattern:
      /Can't locate \S{1,200} in @INC|could not find driver|cannot load such file|\(LoadError\)|Unable to locate package|no installation candidate|No matching distribution found|Could not find a version that satisfies|Could not find gem|Gem::\w*Missing|Failed opening required .{0,100}vendor|Class ["'][\w\\]{1,200}["'] not found|Call to undefined function|cannot find package|no required module provides|there is no package called|module '[\w.]{1,100}' not found|Could not load file or assembly|[Mm]issing (?:or unsupported )?(?:mandatory )?(?:dependenc|mods?\b)|mandatory dependenc|which is missing!|could not locate .{0,40}(?:[Ee]ngine|binary|library|executable)|dependency is not available|errors on dependencies|could not find (?:`(?!Cargo\.toml)\w|native(?!ly))|unresolved import|can't find crate|package .{1,100} does not exist|UndefinedFunctionError.{0,80}module .{1,80} is not available/,
    example: "Can't locate JSON/XS.pm in @INC (you may need to install the JSON::XS module) at crawl.pl line 3.",
    weight: 0.3,
    check: 'Install {module|the package} for the interpreter that the service uses.',
  },
  {
    id: 'dependency.binary-mismatch',
    category: 'missing-dependency',
    pattern:
      /binary incompatibility|compiled using NumPy|requires? (?:Python|Node(?:\.js)?|Java|Ruby|glibc|numpy|torch|CUDA|transformers)\b.{0,30}(?:>=|version|or (?:later|newer|higher))|version mismatch|incompatible version|Unsupported engine|You are using Node\.js|is required for a normal functioning of this module|but found \w+==/i,
    example:
      'ValueError: numpy.dtype size changed, may indicate binary incompatibility. Expected 96 from C header, got 88 from PyObject',
    weight: 0.1,
    check:
      'Align the versions: the program needs another version of {module|what the key line names} than the one installed.',
  },
];

/** Somebody else holds it: databases, lock files, a second copy of the same program. */
export const lockRules: readonly Rule[] = [
  {
    id: 'lock.database',
    category: 'database-locked',
    pattern:
      /database (?:table |schema )?is locked|SQLITE_BUSY|SQLITE_LOCKED|DatabaseError.{0,20}locked|Lock wait timeout exceeded|Deadlock found|deadlock detected|could not obtain lock|Could not set lock on file|LOCK: (?:Resource temporarily unavailable|already held|No locks available)|IO error: (?:While lock|lock )|LockObtainFailed|DirectoryLock|database (?:is )?already (?:in use|open|locked)|Database may be already in use|already accessed by another instance|Conflicting lock is held|ERROR: database .{0,80}being accessed by other users|MDB_\w*LOCK|unable to lock|Failed to (?:acquire|get|obtain|lock).{0,40}\block\b/i,
    example: 'sqlite3.OperationalError: database is locked',
    weight: 0.4,
    check:
      'Find the other process that has {path|the database} open (`lsof`, `fuser`): a second copy of this program, a backup or an open shell.',
  },
  {
    id: 'lock.instance',
    category: 'database-locked',
    pattern:
      /(?:another|other|second|multiple|previous|existing) (?:\w+ )?(?:instance|process|copy|program|getUpdates|session|server)s?\b.{0,60}(?:running|active|using|holds?|in use|started|locked|request|detected)|(?<!loop )(?:is|instance) already running|\bname .{1,120} is already in use by|already (?:running|started) (?:as|with|in|at|under|\()|terminated by other getUpdates|index\.lock|\.lock['"]?:? (?:File exists|exists|already)|lock ?file .{0,120}(?:exists|held|present|found|locked)|could not get lock|(?:error|fail\w*|unable|not|can't|while|timed? ?out)\b.{0,30} (?:acquir|obtain|get)\w* (?:the )?(?:state |file |exclusive |process )?lock|SingletonLock|user data directory is already in use|session lock|session\.lock|(?:pid ?file|postmaster\.pid)\b.{0,80}(?:exists|already)|stale (?:pid|lock)|AlreadyRunning|file is (?:locked|being used) by another|used by another process|WinError 32|profile .{0,40}in use|held by (?:another )?process|LockError|LockTimeout|database-locked/i,
    example:
      'telegram.error.Conflict: Conflict: terminated by other getUpdates request; make sure that only one bot instance is running',
    weight: 0.4,
    check:
      'Find the other copy of the program (`ps`, or who holds {path|its lock file}) and stop it. Remove a lock file only if its process is gone.',
  },
];

/** A text was taken for JSON and is none. */
const notJson =
  /JSONDecodeError|(?:Unexpected (?:token|end|non-whitespace|string|number)|Expected .{1,60}|Bad control character|Unterminated string|No number after).{0,60}(?:in|of) JSON|is not valid JSON|Unexpected end of JSON input|No JSON object could be decoded|(?:Expecting|Extra data|Invalid control character|Unterminated string|Invalid \\escape).{0,40}: line \d+ column \d+|invalid character .{1,10} (?:looking for|after|in)|EOF while parsing|(?:expected|trailing) .{1,40} at line \d+ column \d+|JsonParseException|MalformedJson|JsonSyntaxException|JSON (?:parse|parsing) error|Invalid JSON|JSONException/i;

/** Its own data cannot be read. Whether JSON came from a file or from a server, the source line tells. */
export const corruptRules: readonly Rule[] = [
  {
    id: 'corrupt.database',
    category: 'corrupt-state',
    pattern:
      /disk image is malformed|file is (?:not a database|encrypted or is not)|SQLITE_(?:CORRUPT|NOTADB)|invalid page in block|valid checkpoint record|Bad file format reading the append only|Wrong signature trying to load DB|\bCorruption: |corrupt(?:ed|ion)?\b.{0,60}|(?:is|are|appears?|seems?|be|was|data|file) (?:to be )?corrupt(?:ed)?|checksum (?:mismatch|failed|error|verification)|CRC(?:32)? (?:error|mismatch|check failed|failed)|loose object|bad object|object file .{1,120} is empty|index file corrupt|StreamCorrupted|integrity check failed|InnoDB: .{0,40}corrupt|hash mismatch|failed to read WAL|Internal error in RDB|rdb file reading failure|page corruption|EINTEGRITY/i,
    example: 'sqlite3.DatabaseError: database disk image is malformed',
    weight: 0.35,
    check:
      'Keep a copy of {path|the damaged data}, then restore it from a backup. Find out what interrupted the last write.',
  },
  {
    id: 'corrupt.model-file',
    category: 'corrupt-state',
    pattern:
      /PytorchStreamReader failed|failed finding central directory|deserializing header|HeaderTooLarge|MetadataIncompleteBuffer|InvalidHeaderDeserialization|expected .{1,30} more bytes|invalid magic|bad magic|magic number|truncated file|file signature not found|invalid load key|UnpicklingError|Ran out of input|pickle data was truncated|BadZipFile|not a zip file|BadGzipFile|not a gzip(?:ped)? file|ZipException|zip END header|(?<!syntax error: )unexpected end of (?:file|archive|data|stream)|Compressed file ended before|incorrect header check|invalid (?:stored )?block|Error -3 while decompressing|Unable to (?:synchronously )?open (?:file|object) .{0,40}(?:truncated|signature)|not in gzip format|EOF in archive|cannot identify image file|moov atom not found|bad marshal data|Parquet magic bytes|premature end of/i,
    example: '_pickle.UnpicklingError: pickle data was truncated',
    weight: 0.35,
    check:
      'Check size and checksum of {path|the file}: it is incomplete or damaged. Download or write it again, to a temporary name first.',
  },
  {
    id: 'corrupt.json-from-server',
    category: 'upstream-error',
    pattern: /JSONDecodeError|is not valid JSON|in JSON at position|Unexpected token '?</,
    context:
      /\.json\(\)|requests[\\/]|httpx[\\/]|aiohttp|response|Response|fetch\(|consumeBody|parseJSONFromBytes|resp\./,
    example: 'requests.exceptions.JSONDecodeError: Expecting value: line 1 column 1 (char 0) … return response.json()',
    weight: 0.3,
    check:
      'The server at {host|the other end} did not answer with JSON. Log the status and the first 200 characters of the answer.',
  },
  {
    id: 'corrupt.json-file',
    category: 'corrupt-state',
    pattern: notJson,
    context:
      /json\.load\(|\bopen\(|read_text|readFile|readJson|ReadFile|from_reader|File\.read|file_get_contents|\.jsonl?\b|(?:load|read|restore|open|parse)_?(?:state|config|cache|settings|memory|history|session|db|index|data|json|file|checkpoint)|(?:state|config|cache|checkpoint|history|settings|session|memory)_?(?:file|path|json)\b/i,
    example:
      'json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0) … state = json.load(open("state.json"))',
    weight: 0.25,
    check:
      'Look at {path|the file that is read there}: it is empty or cut off. Restore it, and write such files to a temporary name and rename them.',
  },
  {
    id: 'corrupt.json-named',
    category: 'corrupt-state',
    pattern:
      /\S\.jsonl?\b.{0,300}(?:JSON|Expecting|Unexpected|invalid character|EOF)|(?:JSON|Expecting|Unexpected|invalid character|parse).{0,300}\S\.jsonl?\b/,
    example: "could not parse 'data/state.json': unexpected end of input",
    weight: 0.2,
    check:
      'Look at {path|the file}: it is empty or cut off. Restore it, and write such files to a temporary name and rename them.',
  },
  {
    id: 'exception.json',
    category: 'unhandled-exception',
    pattern: notJson,
    example: 'json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)',
    weight: 0.6,
    check:
      'The text that is parsed at {place|the place of the error} is not JSON: an empty reply, prose or a code fence around it. Log its first 200 characters, and handle a reply that does not parse.',
  },
];
