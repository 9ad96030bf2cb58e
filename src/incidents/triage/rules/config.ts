import type { Rule } from '../../incident.ts';

/** How it is run, not what it does: without a terminal, a prompt, a trusted folder, or as the wrong user. Comes before most others. */
export const runningRules: readonly Rule[] = [
  {
    id: 'config.no-terminal',
    category: 'bad-config',
    pattern:
      /^(?!Pseudo-terminal)(?:.{0,200}(?:(?:std(?:in|out|err)|device|input|output)\b.{0,12} (?:is|are) not an? (?:tty|terminal)|\bnot a (?:tty|terminal|typewriter)\b|\/dev\/tty\b.{0,40}(?:no such device|not configured|cannot open|can't open)|open a (?:new )?TTY|raw mode is not supported|setRawMode|(?:in|requires?) (?:a )?(?:non-tty|non-interactive) (?:environment|terminal|session)|requires? an? (?:interactive )?(?:terminal|tty)\b|must be run (?:in|from) an? (?:interactive )?terminal|termios\.error|\bENOTTY\b|error opening terminal|TERM environment variable|could not find terminal|EOF when reading a line|can't initialize prompt toolkit|no tty present|a terminal is required|missing X server|(?:cannot|can't|could not) (?:open|connect to) (?:the )?(?:X )?display|no display name|\$DISPLAY\b|platform plugin "xcb"))/i,
    example: 'stdin is not a tty',
    weight: 0.4,
    check:
      'The program expects a terminal, and a service has none. Use its non-interactive mode (a flag such as --print, --batch, --yes or --headless), or run it under `script -qec COMMAND /dev/null`.',
  },
  {
    id: 'config.no-prompt',
    category: 'bad-config',
    pattern:
      /(?:no|missing) (?:input|prompt|message|task|instructions?)\b.{0,40}(?:provided|given|specified|stdin)|(?:input|prompt|message) must be (?:provided|given|specified)|(?:provide|specify|supply|requires?) an? (?:prompt|message|task)\b|prompt is (?:required|empty)|no (?:conversation|session|thread|checkpoint)s? (?:was )?found (?:to (?:continue|resume)|with|for)|(?:session|conversation|thread) (?:id )?\S{0,60} ?(?:not found|does not exist)/i,
    example: 'No prompt provided on stdin',
    weight: 0.4,
    check:
      'The program was started without what it should work on. Pass the prompt (or the session to resume) as an argument, or on standard input with `--stdin FILE`.',
  },
  {
    id: 'config.untrusted-folder',
    category: 'bad-config',
    pattern:
      /not (?:inside|in|running in) an? trusted (?:directory|folder|workspace)|(?:directory|folder|workspace)\b.{0,60}(?:is )?(?:not trusted|untrusted)|do you trust the (?:files|authors|contents)|skip-git-repo-check/i,
    example: 'This folder is not trusted; start once interactively to trust it',
    weight: 0.5,
    check:
      'The program refuses a directory that nobody has trusted yet. Trust it once in an interactive session of the same user, or pass the flag that the key line names.',
  },
  {
    id: 'config.as-root',
    category: 'bad-config',
    pattern:
      /(?:cannot|can't|can not|must not|should not|refus\w+ to|not allowed|don't|do not|never)(?: be)? (?:used?|run|executed?|started?|launch\w*)\b.{0,60}\b(?:as|with|by|under) (?:the )?["']?(?:root|sudo|administrator|superuser)|["']?root["']? execution of|running as root\b.{0,30}(?:not|without)|(?:to|not) run \w{1,40} as root\b|with root\/sudo privileges/i,
    example: 'refusing to run as root',
    weight: 0.5,
    check:
      'The program refuses to run as root. Run the service as an ordinary user (User= in a systemd unit, USER in a Dockerfile).',
  },
  {
    id: 'config.lockfile',
    category: 'bad-config',
    pattern:
      /OUTDATED_LOCKFILE|frozen-lockfile|lock ?file .{0,160}(?:needs to be updated|not up to date|out of date|out of sync|in sync)|can only install (?:packages )?(?:when|with)\b|(?:pyproject\.toml|package\.json|Gemfile|composer\.json)\b.{0,60}(?:changed significantly|not in sync|does not satisfy)|externally-managed-environment/i,
    example: 'Your lockfile needs to be updated',
    weight: 0.4,
    check:
      'The lock file does not fit the manifest. Run the package manager without the frozen mode once, and commit the lock file.',
  },
];

/** Settings: a missing variable or key, a value of the wrong form, an unknown option. */
export const configRules: readonly Rule[] = [
  {
    id: 'config.variable-key-error',
    category: 'bad-config',
    pattern: /^(?:KeyError: |key not found: )['"][A-Z][A-Z0-9_]{2,60}['"]/,
    example: "KeyError: 'OPENAI_API_KEY'",
    weight: 0.5,
    check:
      'Set {variable|the variable} in the environment of the service. A variable that is set in your shell does not reach a service.',
  },
  {
    id: 'config.unset-variable',
    category: 'bad-config',
    pattern:
      /\b(?!INVALID_|ERR_|FAILED_|NOT_|PERMISSION_|STATUS_)[A-Z][A-Z0-9]*_[A-Z0-9_]{1,60}\b\W{0,3}.{0,60}?\b(?:is|are|was|be|has|have|not)\b.{0,30}(?:not (?:set|defined|found|configured|provided|specified)|not been (?:set|provided|defined|configured)|missing|required|\bset\b|unset|undefined|empty|null|None|invalid)|\b[A-Z][A-Z0-9]*_[A-Z0-9_]{1,60}\b:? (?:not (?:set|found|defined|configured|provided)|unset|missing|required|parameter not set|unbound variable)|(?:[Mm]issing|[Ss]et|[Pp]rovide|[Dd]efine|[Ss]pecify|[Ee]xport|[Rr]equired)(?: (?:the|your|a|required|valid|environment|env|variable|variables|setting|value|for|key))*:? [`'"]?\$?(?:settings\.|config\.)?[A-Z][A-Z0-9]*_[A-Z0-9_]{1,60}\b/,
    example: 'Error: TELEGRAM_BOT_TOKEN is not set',
    weight: 0.3,
    check:
      'Set {variable|the variable that the key line names} in the environment of the service (unit file, env file or container), then restart it.',
  },
  {
    id: 'config.missing-variable',
    category: 'bad-config',
    pattern:
      /environment variables? .{0,120}(?:not (?:set|found|defined|provided|present)|missing|required|unset|undefined|is empty|must be)|(?:missing|required|undefined|unset|set|find|provide|no) .{0,40}environment variables?\b|environment variable not found|: unbound variable|parameter not set|parameter null or not set|declare it as envvar|in (?:your |the )?\.env\b|Invalid environment|\.env file|(?:: |\()NotPresent\b/i,
    example: 'decouple.UndefinedValueError: DB_HOST not found. Declare it as envvar or define a default value.',
    weight: 0.3,
    check:
      'Set {variable|the variable that the key line names} in the environment of the service (unit file, env file or container), then restart it.',
  },
  {
    id: 'config.missing-credential',
    category: 'bad-config',
    pattern:
      /(?:api[ _-]?key|token|credentials?|secret|password|client option)\b.{0,50}(?:must be (?:set|provided|specified|a (?:non-empty )?string)|(?:is|are|was|were) (?:required|missing|empty|not set|not provided|not configured|undefined|null|None)|not (?:set|provided|configured|given)|required\b)|(?:no|missing|must (?:provide|pass|supply|specify|set)|didn't provide|without|set|provide|pass) (?:an? |the |your |valid )?(?:\w+ )?(?:api[ _-]?key|access token|bot token|token|credentials)\b|(?:empty|blank) (?:api[ _-]?key|token|secret|password)\b|expected token to be a str|must have a value|(?:Url|Key|Token) is required|Unable to locate credentials|Could not load the default credentials|default credentials were not found|could not find (?:default )?credentials|(?:not found|not set|missing|unset):? [`'"]?[A-Z][A-Z0-9_]*_(?:KEY|TOKEN|SECRET)\b|Neither apiKey nor|Did not find \w{1,40}_key|secretOrPrivateKey|Missing [`'"]?secret_key_base|No application encryption key/i,
    example:
      'openai.OpenAIError: The api_key client option must be set either by passing api_key to the client or by setting the OPENAI_API_KEY environment variable',
    weight: 0.3,
    check: 'Set {variable|the key or token} in the environment of the service, under the name that the program reads.',
  },
  {
    id: 'config.missing-token-type-error',
    category: 'bad-config',
    pattern: /^(?:Uncaught )?(?:TypeError|AttributeError|ValueError)\b.{0,200}(?:NoneType|None\b|undefined|null\b)/,
    context:
      /os\.getenv|os\.environ|process\.env|getenv\(|config\[|import\.meta\.env|\b[A-Z]{2,30}_(?:TOKEN|KEY|SECRET|URL|HOST|ID|PASSWORD|PORT|URI|DSN)\b|System\.getenv|login\(|settings\.|Bot\(/,
    example:
      'TypeError: can only concatenate str (not "NoneType") to str … headers = {"Authorization": "Bearer " + os.getenv("API_TOKEN")}',
    weight: 0.5,
    check:
      'A setting is missing, and the error shows it only here. Set {variable|the variable that the source line reads}.',
  },
  {
    id: 'config.validation',
    category: 'bad-config',
    pattern:
      /validation errors? for \w*(?:Settings|Config|Env|Options)\w*|ImproperlyConfigured|ConfigError|Configuration(?:Error|Exception)|InvalidConfig|ConfigurationPropertiesBind|Could not resolve placeholder|Failed to (?:configure a DataSource|bind properties)|ConfigException|BadConfig|SettingsError|MissingConfig|NoSectionError|NoOptionError|configparser\.\w+Error|MissingRequiredConfiguration/,
    example: 'pydantic_core.ValidationError: 2 validation errors for Settings',
    weight: 0.4,
    check: 'Correct {variable|the setting that the message names}, in the file or environment that it is read from.',
  },
  {
    id: 'config.settings-class',
    category: 'bad-config',
    pattern: /validation errors? for \w{1,80}$/,
    context: /env_settings\.py|pydantic_settings|BaseSettings/,
    example:
      'ValidationError: 2 validation errors for Limits … File "/usr/lib/python3/pydantic_settings/main.py", line 1',
    weight: 0.4,
    check:
      'Set the variables that stand below the key line in the environment of the service, or correct their values.',
  },
  {
    id: 'config.unparsable',
    category: 'bad-config',
    pattern:
      /yaml\.\w{1,20}\.\w{1,30}Error|YAMLException|YAMLParseError|YAML(?:Syntax|Parse)?Error|TOMLDecodeError|TomlError|toml: |TOML parse error|ParserError: while parsing|ScannerError|mapping values are not allowed|EJSONPARSE|(?:settings|config)\w{0,20}\.(?:jsonc?|ya?ml|toml)\b.{0,200}(?:SyntaxError|Unexpected (?:end|token)|not valid JSON)|(?:parse|parsing|load|loading|read|reading|invalid|bad|malformed) .{0,30}config(?:uration)?\b|config(?:uration)?(?: file)?\b.{0,80}(?:is invalid|invalid|syntax error|parse error|is not valid|error|failed|malformed)|directive is not allowed|is duplicate in|invalid number of arguments|unexpected (?:"|end of file, expecting)|error in config|dotenv.{0,30}could not parse|invalid (?:YAML|TOML|INI)|\bdirective\b.{0,60}(?:invalid|unknown|not allowed|requires)|(?:invalid|unknown|unrecognized|bad) .{0,60}\bdirective\b|\bInvalid command '|Syntax error on line \d|(?:^|: )config : |unknown configuration \w{3,12}\b|unknown (?:keyword|variable|setting|property|field|section|variant) [`'"]|adapting config|\bno "\w{1,60}" is defined|Invalid settings\b|settings\S{0,8} .{0,60}(?:contains invalid|is not valid)|doesn't match stored|Database is uninitialized/i,
    example: 'yaml.scanner.ScannerError: mapping values are not allowed here',
    weight: 0.3,
    check: 'Correct the syntax or value in {path|the configuration file} at the place that the key line names.',
  },
  {
    id: 'config.option',
    category: 'bad-config',
    pattern:
      /unrecognized (?:arguments?|options?)|unknown (?:option|flag|argument|switch|arg|shorthand flag)|invalid (?:option|choice|argument(?=s?:? ?["'`-]| for\b)|value for|flag|command line)|bad (?:option|flag)|unexpected argument|the following (?:required )?arguments (?:are required|were not provided)|missing (?:required )?(?:argument|option|parameter|positional|flag|value for)|No such option|expected (?:at least )?(?:one|\d+) arguments?|requires? (?:an|at least|exactly) (?:\w+ )?(?:argument|value|parameter)|error: argument |required flag|must be one of|must be an? \w{1,30}, (?:got|not)|flag provided but not defined|Unrecognized (?:VM )?option|Invalid (?:maximum|initial|minimum|thread|\w{1,20}) ?\w{0,20} size: -X|Missing script|Invalid value for|missing script:|error Command "|^(?:error: )?Script not found|^Command "[^"]{1,80}" not found|option .{1,60} requires|bad option:|unknown directive|You must specify|please (?:configure|specify) (?:one|an?|the)\b|must be specified\b/i,
    example: "train.py: error: argument --lr: invalid float value: 'fast'",
    weight: 0.2,
    check: "Correct the command line: compare {variable|the option that the key line names} with the program's --help.",
  },
  {
    id: 'config.url',
    category: 'bad-config',
    pattern:
      /Invalid URL|ERR_INVALID_URL|MissingSchema|No (?:scheme|host) supplied|InvalidSchema|No connection adapters were found|UnsupportedProtocol|unsupported protocol|Request URL is missing|Could not parse (?:SQLAlchemy )?URL|relative URL without a base|invalid (?:connection string|database url|port|hostname|host)|unknown url type|must (?:be|start with) .{0,30}(?:https?|mongodb|postgres|redis|mysql|file):|connection string|malformed (?:URL|URI)|missing protocol scheme|uri parameter to/i,
    example:
      "requests.exceptions.MissingSchema: Invalid URL 'api.example.com/v1': No scheme supplied. Perhaps you meant https://api.example.com/v1?",
    weight: 0.2,
    check: 'Correct the URL in {variable|the configuration}: check its scheme, host and port.',
  },
  {
    id: 'config.no-such-database',
    category: 'bad-config',
    pattern:
      /database "[^"]{1,100}" does not exist|role "[^"]{1,100}" does not exist|Unknown database|no such (?:table|column)|has no column named|(?:relation|table|column) .{1,100}(?:does not exist|doesn't exist)|UndefinedTable|ProgrammingError.{0,60}doesn't exist|Unknown column|PendingMigration|Migrations are pending|unapplied migration|migrations? .{0,40}failed validation|executing migrations|Can't locate revision|relation .{1,80} already exists|need to initialize the database|schema (?:version )?mismatch/i,
    example: 'psycopg2.OperationalError: FATAL:  database "agents" does not exist',
    check: 'Create what is missing in the database: check its name, its user, and whether the migrations ran.',
  },
  {
    id: 'config.address',
    category: 'bad-config',
    pattern:
      /Cannot assign requested address|EADDRNOTAVAIL|can't assign requested address|Errno 99\]|os error 99\)|requested address is not valid|unknown port\b/i,
    example:
      "OSError: [Errno 99] error while attempting to bind on address ('10.0.0.9', 8000): cannot assign requested address",
    weight: 0.2,
    check:
      'The address to bind ({host|see the key line}) does not belong to this machine. Use 0.0.0.0 or an address that `ip addr` shows.',
  },
  {
    id: 'config.wrong-runtime',
    category: 'bad-config',
    pattern:
      /digital envelope routines|ERR_OSSL_EVP_UNSUPPORTED|ERR_UNKNOWN_FILE_EXTENSION|use import statement outside a|ERR_REQUIRE_ESM|require\(\) of ES Module|require is not defined in ES module|EULA|[Ii]ntents? .{0,30}not enabled|Not a valid python home|Python Home is not|missing tsconfig|no configuration has been provided|Cannot find (?:the )?config|app import string|Error loading ASGI app|Failed to find attribute|No (?:application|module) (?:module )?specified|Could not import module/i,
    example: 'ERROR:    Error loading ASGI app. Attribute "app" not found in module "main".',
    weight: 0.2,
    check:
      'Check how the program is started: the interpreter, its version, and the module or application that it is told to load.',
  },
];
