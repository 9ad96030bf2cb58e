import type { Rule } from '../../incident.ts';

/** What the operating system refuses: room, descriptors, ports, rights, files. By errno's name, number and every wording. */
export const limitRules: readonly Rule[] = [
  {
    id: 'limit.turns',
    category: 'resource-limit',
    pattern:
      /reached (?:the )?max(?:imum)?(?: number of)? (?:session |agent )?(?:turns|steps|iterations)\b|max(?:imum)?[ _-](?:session[ _-])?(?:turns|iterations)(?: \(\d+\))? (?:was |were )?(?:reached|exceeded)|error_max_turns/i,
    example: 'Error: Reached max turns (40)',
    weight: 0.4,
    check: 'The run used up the turns that its own limit allows. Raise the limit, or go on with --resume-command.',
  },
  {
    id: 'system.watchers',
    category: 'resource-limit',
    pattern:
      /number of file watchers reached|inotify (?:watch|instances?|limit)|inotify_(?:init|add_watch)|max_user_(?:watches|instances)/i,
    example: "Error: ENOSPC: System limit for number of file watchers reached, watch '/srv/app/src'",
    weight: 0.4,
    check: 'Raise fs.inotify.max_user_watches with sysctl. The disk is not full.',
  },
  {
    id: 'system.open-files',
    category: 'resource-limit',
    pattern:
      /too many open files|\bEMFILE\b|\bENFILE\b|Errno 2[34]\]|os error 24\)|No file descriptors available|filedescriptor out of range|file descriptor limit/i,
    example: 'accept4: too many open files',
    weight: 0.3,
    check:
      'Compare the limit (`ulimit -n`) with the open files (`ls /proc/PID/fd`). Sockets or files that are never closed are the usual reason.',
  },
  {
    id: 'system.threads',
    category: 'resource-limit',
    pattern:
      /can't start new thread|pthread_create\b.{0,40}fail|failed to (?:spawn|create) (?:new )?(?:OS )?thread|fork:.{0,30}Resource temporarily unavailable|fork\(?\)?:? .{0,20}(?:EAGAIN|failed)|(?:spawn|fork)\b.{0,60}\bEAGAIN\b|Resource temporarily unavailable \(os error 11\)|Thread limit|max(?:imum)? (?:number of )?(?:user )?processes/i,
    example: "RuntimeError: can't start new thread",
    weight: 0.3,
    check: 'Compare `ulimit -u` and pids.max of the cgroup with the number of running threads and processes.',
  },
  {
    id: 'system.shared-memory',
    category: 'resource-limit',
    pattern:
      /insufficient shared memory|\/dev\/shm\b.{0,60}(?:full|space|insufficient)|unable to open shared memory object|shared memory \(shm\)|semaphore.{0,40}No space left/i,
    example:
      "RuntimeError: DataLoader worker is killed by signal: Bus error. It is possible that dataloader's workers are out of shared memory. Please try to raise your shared memory limit. insufficient shared memory (shm)",
    weight: 0.4,
    check: 'Give the container more shared memory (--shm-size), or use fewer workers.',
  },
  {
    id: 'system.connections',
    category: 'resource-limit',
    pattern:
      /too many (?:clients|connections)|remaining connection slots|max_connections|max_user_connections|QueuePool limit of size|connection pool (?:is )?exhausted|PoolExhausted|Timed out fetching a new connection from the connection pool|max number of clients reached/i,
    example: 'psycopg2.OperationalError: FATAL:  sorry, too many clients already',
    weight: 0.3,
    check: 'Check who holds the connections (pg_stat_activity, SHOW PROCESSLIST), and that the program returns them.',
  },
  {
    id: 'system.rlimit',
    category: 'resource-limit',
    pattern:
      /File size limit exceeded|CPU time limit exceeded|Cputime limit exceeded|\bEFBIG\b|\bSIGXCPU\b|\bSIGXFSZ\b|File too large|Errno 27\]|vm\.max_map_count|is too low, increase/,
    example: 'OSError: [Errno 27] File too large',
    weight: 0.2,
    check: 'Compare the limits in force (`ulimit -a`, Limit… settings of the unit) with what the program needs.',
  },
];

export const diskRules: readonly Rule[] = [
  {
    id: 'disk.full',
    category: 'disk-full',
    pattern:
      /No space left on device|\bENOSPC\b|Errno 28\]|os error (?:28|112)\)|not enough space on the disk|There is not enough space|(?:disk|filesystem|file system|volume|drive|partition|tablespace|database) (?:is |or disk is |path )?full\b|SQLITE_FULL|DiskFull|not enough (?:free )?(?:disk )?space|insufficient (?:free )?(?:disk )?space|out of disk ?space|low on disk space|disk space (?:is )?(?:exhausted|low|full)|free up (?:some )?(?:disk )?space|disk watermark/i,
    example: "OSError: [Errno 28] No space left on device: '/data/out/part-0001.parquet'",
    weight: 0.4,
    check:
      'Free space on {path|the file system it writes to}: `df -h` and `df -i` show what is used up, `du -xh --max-depth=2` what grew.',
  },
  {
    id: 'disk.quota',
    category: 'disk-full',
    pattern:
      /disk quota (?:exceeded|reached)|\bEDQUOT\b|Errno 122\]|os error 122\)|over (?:disk )?quota\b|storage quota/i,
    example: "OSError: [Errno 122] Disk quota exceeded: 'checkpoint.pt'",
    weight: 0.3,
    check: 'Check the quota (`quota -s`) on {path|that file system}.',
  },
  {
    id: 'disk.redis-snapshot',
    category: 'disk-full',
    pattern: /\bMISCONF\b.{0,120}persist|unable to persist (?:to|on) disk/i,
    example: 'ReplyError: MISCONF Errors writing to the AOF file: unable to persist on disk',
    weight: 0.4,
    check: 'Check the disk that Redis writes its snapshots to, and the log of Redis.',
  },
];

export const portRules: readonly Rule[] = [
  {
    id: 'port.in-use',
    category: 'port-in-use',
    pattern:
      /\bEADDRINUSE\b|Address (?:is )?already in use|Address in use|Errno (?:98|48|10048)\]|os error (?:98|48|10048)\)|WinError 10048|AddrInUse|Only one usage of each socket address|port \W?\d{1,5}\W? (?:is|was) (?:already )?(?:in use|used|occupied|taken|not available|being used|unavailable)|port .{0,20}already (?:in use|allocated|bound|being used)|Is port \d{1,5} in use|^Connection in use: |(?:port|ports) (?:are|is) not available|already running on (?:that )?port|FAILED TO BIND TO PORT|Cannot find empty port|could not bind to (?:port|address)|BindException|already listening on|already in use by (?:another|a different) (?:process|program|application)/i,
    example: 'OSError: [Errno 48] Address already in use',
    weight: 0.5,
    check:
      'Find the process that uses {port|the port} (`ss -ltnp`, `lsof -i`). It is often an earlier copy of the same program.',
  },
];

export const fileRules: readonly Rule[] = [
  {
    id: 'file.privileged-port',
    category: 'permission-denied',
    pattern:
      /listen EACCES|bind.{0,60}(?:permission denied|EACCES|Operation not permitted)|(?:permission denied|EACCES).{0,40}bind|WinError 10013|os error 10013|forbidden by its access permissions/i,
    example: 'Error: listen EACCES: permission denied :::443',
    weight: 0.4,
    check: '{port|The port} is below 1024 or reserved. Use another port, or grant CAP_NET_BIND_SERVICE.',
  },
  {
    id: 'file.read-only',
    category: 'permission-denied',
    pattern:
      /Read-only file system|\bEROFS\b|Errno 30\]|os error 30\)|read-only (?:database|transaction)|read only replica|readonly database/i,
    example: "OSError: [Errno 30] Read-only file system: '/app/cache'",
    weight: 0.2,
    check:
      'Check how {path|that path} is mounted. A container or unit may make it read-only on purpose, the kernel does so after disk errors.',
  },
  {
    id: 'file.not-permitted',
    category: 'permission-denied',
    pattern:
      /Permission ?denied|\bEACCES\b|\bEPERM\b|Operation not permitted|PermissionError|AccessDenied|Access (?:to .{1,200} )?is denied|Access is denied|Errno 1?[13]\]|os error (?:5|13)\)|WinError 5\]|must be run as (?:root|superuser|administrator)|(?:requires?|need) (?:to be )?(?:root|superuser|administrator|elevated|sudo)\b|are you root\?|insufficient (?:privilege|permission)s?|UnauthorizedAccessException|Not allowed to|sudo: a (?:password|terminal) is required|dubious ownership|User .{1,100} cannot \w+ resource|is not authorized to perform|permission .{1,80} denied|has invalid permissions|permissions .{0,80}(?:are |is )?too open|UNPROTECTED PRIVATE KEY|must be (?:accessible|readable|owned) (?:only )?by|NotCapable|Requires (?:net|read|write|env|run|sys|ffi|import) access/i,
    example: "PermissionError: [Errno 13] Permission denied: '/var/log/agent.log'",
    weight: 0.1,
    check:
      'Compare owner and mode of {path|the path that the key line names} (`namei -l`) with the user that runs this (`id`).',
  },
  {
    id: 'file.missing',
    category: 'missing-file',
    pattern:
      /(?:[Cc]ould not|[Cc]ouldn't|cannot|no|No) (?:find )?(?:any |a )?[`'"]?(?:pyproject\.toml|Cargo\.toml|package\.json|go\.mod|Gemfile|composer\.json|pom\.xml|compose\.ya?ml|docker-compose\.ya?ml|Dockerfile|Procfile|Makefile|mix\.exs)\b|Couldn't find (?:any|an?) .{1,80}(?:directory|folder|file)\b|is not a managed \.dll|unable to open database file|no configuration file provided|\bNo (?:such )?(?:config(?:uration)?|settings|data|model|input) files?\b.{0,100} (?:found|exists?)\b|\S\.\w{1,6}['"`]? (?:does not exist|doesn't exist)|No such file or directory|\bENOENT\b|FileNotFoundError|FileNotFoundException|NoSuchFileException|os error [23]\)|cannot find the (?:file|path)|The system cannot find|(?:file|directory|folder|path|config(?:uration)?)\b.{0,200} (?:does not exist|doesn't exist|not found|is missing|could not be found|cannot be found|was not found)|can't open file|cannot open (?:file|input)|could not (?:open|find|load|read) (?:the )?(?:file|config|model|input|directory)|Unable to access jarfile|NotADirectoryError|Not a directory|No such (?:file|key|bucket|object)|NoSuchKey|is not a (?:file|directory)\b|DirectoryNotFoundException|does not appear to have a file named|is not a local folder and is not a valid model|Could not find a production build|Error opening input|manifest unknown|Can't load (?:the )?(?:tokenizer|model|config\w*|image processor|feature extractor|weights)|TemplateNotFound|TemplateDoesNotExist|Error no file named|failed to open stream/i,
    example: 'cat: /srv/data/prompts.txt: No such file or directory',
    check:
      'Check that {path|the file that the key line names} exists, seen from the working directory of the service, and that it was deployed.',
  },
];

/** Situations whose remedy is their own: each would fit a rule of a larger family too, whose advice would send a reader elsewhere. */
export const preciseRules: readonly Rule[] = [
  {
    id: 'exception.funds',
    category: 'unhandled-exception',
    pattern:
      /(?:^|[.\s:])InsufficientFunds\b|insufficient (?:funds|margin|balance) for (?:gas|intrinsic|requested|transfer|trad)|(?:account has|margin is|balance) insufficient|not enough (?:balance|margin|funds|for new order)\b|\b(?:order|trade|transfer|withdrawal|card)\b.{0,40}insufficient (?:balance|funds|margin)|insufficient (?:balance|funds|margin) \(need/i,
    example: 'InsufficientFunds: exchange has insufficient balance for requested action.',
    weight: 0.3,
    check:
      'The account holds less than the order or transaction needs. Check balance, open orders and position size, and refuse such orders before they are sent.',
  },
  {
    id: 'exception.duplicate',
    category: 'unhandled-exception',
    pattern: /\bE11000\b|duplicate key (?:value|error)|UNIQUE constraint failed|Duplicate entry '.{1,200}' for key/,
    example: 'ERROR: duplicate key value violates unique constraint "users_email_key"',
    weight: 0.2,
    check:
      'The record that the key line names exists already. Insert or update (upsert), or find out why the same work is done twice.',
  },
  {
    id: 'config.intents',
    category: 'bad-config',
    pattern: /DisallowedIntents|PrivilegedIntentsRequired|privileged intents|disallowed intents/i,
    example: 'Error: Used disallowed intents',
    weight: 0.4,
    check: "Enable the privileged intents in the bot's settings at its provider, or ask for fewer intents in the code.",
  },
  {
    id: 'config.exec-format',
    category: 'bad-config',
    pattern: /exec format error/i,
    example: 'exec /entrypoint.sh: exec format error',
    weight: 0.3,
    check:
      'The file is not a program for this machine. Compare `file` with `uname -m` (an image or binary built for another architecture), and check that a script begins with its #! line.',
  },
  {
    id: 'config.data-version',
    category: 'bad-config',
    pattern:
      /files are incompatible with server|can't handle RDB format version|data directory was initialized by .{1,60} version/i,
    example: "# Can't handle RDB format version 12",
    weight: 0.4,
    check:
      'The data was written by another version of the server. Start that version, or migrate the data (dump and restore, or the upgrade tool of the server).',
  },
  {
    id: 'config.managed-python',
    category: 'bad-config',
    pattern: /externally[- ]managed[- ]environment/i,
    example: 'error: externally-managed-environment',
    weight: 0.4,
    check:
      'The Python of the system refuses packages from pip. Install into a virtual environment, and start the service with its interpreter.',
  },
  {
    id: 'file.missing-config',
    category: 'missing-file',
    pattern: /\bconfig(?:uration)?\b.{0,200}(?:: No such file or directory|\bENOENT\b)/i,
    example: 'cannot read config /etc/app/app.conf: No such file or directory',
    weight: 0.3,
    check: 'Check that {path|the configuration file} exists for the user and the working directory of the service.',
  },
  {
    id: 'file.model',
    category: 'missing-file',
    pattern: /failed to (?:open|load) (?:GGUF file|model)(?: from|,)? ['"]?[\w.~-]*\/|failed to load model from/i,
    example: "failed to open GGUF file '/models/a.gguf'",
    weight: 0.3,
    check:
      'Check that {path|the model file} exists, is whole (size, checksum) and can be read by the user of the service.',
  },
  {
    id: 'file.no-build',
    category: 'missing-file',
    pattern: /could not find a production build/i,
    example: "Could not find a production build in the 'dist' directory",
    weight: 0.2,
    check:
      'Build the program before it is started, or deploy what the build wrote: its directory is missing or incomplete.',
  },
  {
    id: 'network.socket-file',
    category: 'network-unreachable',
    pattern:
      /(?:\.s\.PGSQL\.\d{2,5}|\bmysqld?\.sock|docker\.sock|redis\S{0,20}\.sock)\b.{0,60}(?:No such file|ENOENT|\(2\))|ENOENT \S{1,200}\.sock\b/,
    example: 'connection to server on socket "/run/postgresql/.s.PGSQL.5432" failed: No such file or directory',
    weight: 0.4,
    check:
      'No server listens at the socket {path|that the key line names}. Check that it runs on this machine, or set host and port if it runs elsewhere.',
  },
  {
    id: 'auth.host-key',
    category: 'auth-failed',
    pattern: /Host key verification failed|remote host identification has changed/i,
    example: 'Host key verification failed.',
    weight: 0.4,
    check:
      'The host key is unknown to this user, or has changed. Compare it with the key of the host itself, then replace it in known_hosts (`ssh-keygen -R HOST`, `ssh-keyscan`).',
  },
  {
    id: 'native.sanitizer',
    category: 'native-crash',
    terminal: true,
    pattern: /ERROR: \w{4,30}Sanitizer: /,
    example: '==1==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x602000000010',
    weight: 0.4,
    check:
      'Correct the access that the first frame below the key line names; the report also says where the memory was allocated and freed.',
  },
  {
    id: 'dependency.generate-step',
    category: 'missing-dependency',
    pattern: /did not initialize yet\. Please run/,
    example: 'Error: client did not initialize yet. Please run "generate" first.',
    weight: 0.3,
    check: 'Run the command that the key line names as a step of the build, after each install of packages.',
  },
];
