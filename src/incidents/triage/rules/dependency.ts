import type { Rule } from '../rule.ts';

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
      'Install the browser (and a driver of the same version) where the service runs and as its user, for example with `npx playwright install --with-deps`. It is missing at {path|the path in use}.',
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
      /No module named|ModuleNotFoundError|cannot import name|^(?:\w+\.){0,6}ImportError\b|DistributionNotFound|PackageNotFoundError|VersionConflict|DLL load failed/,
    example: "ModuleNotFoundError: No module named 'langgraph'",
    weight: 0.3,
    check:
      'Install {module|the module} in the environment that runs the service (`python -m pip show` tells whether it is there), and check that the service uses that interpreter.',
  },
  {
    id: 'dependency.node-module',
    category: 'missing-dependency',
    pattern:
      /Cannot find (?:module|package)|MODULE_NOT_FOUND|Could not resolve "|Module not found: |ERR_PACKAGE_PATH_NOT_EXPORTED|Cannot resolve module|ERR_DLOPEN_FAILED|NODE_MODULE_VERSION|ERR_UNKNOWN_BUILTIN_MODULE|invalid ELF header|No native build was found/,
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
      /Can't locate \S{1,200} in @INC|cannot load such file|\(LoadError\)|Unable to locate package|no installation candidate|No matching distribution found|Could not find a version that satisfies|Could not find gem|Gem::\w*Missing|Failed opening required .{0,100}vendor|Class ["'][\w\\]{1,200}["'] not found|Call to undefined function|cannot find package|no required module provides|there is no package called|module '[\w.]{1,100}' not found|Could not load file or assembly|[Mm]issing (?:or unsupported )?(?:mandatory )?(?:dependenc|mods?\b)|mandatory dependenc|which is missing!|could not locate .{0,40}(?:[Ee]ngine|binary|library|executable)|dependency is not available|errors on dependencies|could not find (?:`(?!Cargo\.toml)\w|native(?!ly))|unresolved import|can't find crate|package .{1,100} does not exist|UndefinedFunctionError.{0,80}module .{1,80} is not available/,
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
