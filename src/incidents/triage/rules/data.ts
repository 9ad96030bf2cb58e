import type { Rule } from '../rule.ts';

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
      /(?:another|other|second|multiple|previous|existing) (?:\w+ )?(?:instance|process|copy|program|getUpdates|session|server)s?\b.{0,60}(?:running|active|using|holds?|in use|started|locked|request|detected)|(?<!loop )(?:is|instance) already running|already (?:running|started) (?:as|with|in|at|under|\()|terminated by other getUpdates|index\.lock|\.lock['"]?:? (?:File exists|exists|already)|lock ?file .{0,120}(?:exists|held|present|found|locked)|could not get lock|(?:acquir|obtain|get)\w* (?:the )?(?:state |file |exclusive |process )?lock|SingletonLock|user data directory is already in use|session lock|session\.lock|(?:pid ?file|postmaster\.pid)\b.{0,80}(?:exists|already)|stale (?:pid|lock)|AlreadyRunning|file is (?:locked|being used) by another|used by another process|WinError 32|profile .{0,40}in use|held by (?:another )?process|LockError|LockTimeout|database-locked/i,
    example:
      'telegram.error.Conflict: Conflict: terminated by other getUpdates request; make sure that only one bot instance is running',
    weight: 0.4,
    check:
      'Find the other copy of the program ({path|by its lock file} or with ps) and stop it. Remove a lock file only if its process is gone.',
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
