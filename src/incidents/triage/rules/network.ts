import type { Rule } from '../../incident.ts';

export const tlsRules: readonly Rule[] = [
  {
    id: 'tls.certificate',
    category: 'tls-failure',
    pattern:
      /CERTIFICATE_VERIFY_FAILED|certificate verify failed|certificate (?:has expired|is not (?:yet valid|trusted)|verification (?:failed|error)|signed by unknown|is (?:expired|valid for))|CERT_(?:HAS_EXPIRED|UNTRUSTED|NOT_YET_VALID|SIGNATURE_FAILURE)|self[- ]?signed certificate|unable to (?:get local issuer|verify the first) certificate|UNABLE_TO_(?:VERIFY|GET)_\w+|DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED_CERT|ERR_TLS_CERT|ERR_CERT_\w+|\bx509: |PKIX path|CertPathValidator|SSLPeerUnverified|invalid peer certificate|certificate verification failed|Hostname mismatch|does not match certificate|hostname .{1,80} doesn't match|InvalidCertificate|no alternative certificate subject name|certificate of .{1,120} (?:is not trusted|doesn't have a known issuer|has expired|hasn't got)|SSL certificate problem/i,
    example:
      'requests.exceptions.SSLError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self signed certificate',
    weight: 0.4,
    check:
      'Check the certificate of {host|the server} (`openssl s_client -connect`): expiry, name and chain. Check also the clock and the CA bundle of this machine.',
  },
  {
    id: 'tls.handshake',
    category: 'tls-failure',
    pattern:
      /SSLHandshakeException|SSLException|javax\.net\.ssl\.|handshake[ _]failure|\bSSL_?(?:Error|ERROR)\w*|\[SSL: |\[SSL\]|WRONG_VERSION_NUMBER|wrong version number|tlsv1 alert|sslv3 alert|\bEPROTO\b|SSL routines|SSL_connect|ERR_SSL_\w+|TLS handshake (?:failed|error)|tls: (?!.{0,20}timeout)|UNEXPECTED_EOF_WHILE_READING|unsupported protocol version|no protocols available|ssl handshake|SSL(?:\/TLS)? (?:connection|handshake|negotiation).{0,30}(?:failed|error)|server does not support SSL|server certificate|no shared cipher|unknown ca\b|SSL is not enabled on the server|gnutls|TLS connection was non-properly|unexpected TLS packet|key values mismatch|schannel: |SSLV3_ALERT|TLSV1_ALERT/i,
    example: 'Error: write EPROTO 139:error:1408F10B:SSL routines:ssl3_get_record:wrong version number',
    weight: 0.3,
    check: 'Check that {host|the server} speaks TLS on that port, and which TLS versions both sides allow.',
  },
];

export const networkRules: readonly Rule[] = [
  {
    id: 'network.dns',
    category: 'network-unreachable',
    pattern:
      /\bENOTFOUND\b|\bEAI_AGAIN\b|\bEAI_\w+|Name or service not known|Temporary failure in name resolution|getaddrinfo (?:failed|error)|nodename nor servname|(?:could not|couldn't|can't|cannot|failed to|unable to) (?:be )?(?:resolve|translate|look ?up)(?:d)? (?:the )?(?:host|address|hostname|proxy|name|domain|remote)|no such host|UnknownHost(?:Exception)?|Unknown (?:MySQL server )?host|name resolution|NameResolutionError|ERR_NAME_NOT_RESOLVED|No address associated with hostname|Could not contact DNS|dns error|failed to lookup address|DNS (?:lookup|resolution|query|server)|server misbehaving|host not found|Host unknown|getaddrinfo\b|WinError 11001|11001\]/i,
    example:
      "urllib3.exceptions.NameResolutionError: Failed to resolve 'db.internal' ([Errno -2] Name or service not known)",
    weight: 0.35,
    check:
      'Check whether {host|the name} resolves here (`getent hosts`). If it does not, check its spelling, the DNS server and the network of the container.',
  },
  {
    id: 'network.refused',
    category: 'network-unreachable',
    pattern:
      /\bECONNREFUSED\b|Connection ?refused|actively refused|ConnectionRefused|Errno (?:111|61|10061)\]|Error (?:111|61) connecting|os error (?:111|61|10061)\)|WinError 10061|ERR_CONNECTION_REFUSED|Connection to .{1,120} refused|connect(?:ion)? .{0,40}was refused|refused to connect|Is the (?:server|docker daemon) running|Cannot connect to the Docker daemon|could not connect to (?:server|ollama|redis|database|the database)|Can't connect to (?:local )?(?:MySQL|MariaDB) server|Can't reach database server|NoBrokersAvailable|Brokers? .{0,30}not (?:be )?available|could not be established|Bootstrap broker|server is not running|No servers? (?:available|could be reached)/i,
    example: 'redis.exceptions.ConnectionError: Error 111 connecting to localhost:6379. Connection refused.',
    weight: 0.35,
    check:
      'Check that the service at {host|that address} is running and listens there (`ss -ltnp`), and that it starts before this one.',
  },
  {
    id: 'network.reset',
    category: 'network-unreachable',
    pattern:
      /\bECONNRESET\b|\bECONNABORTED\b|\bEPIPE\b|Connection (?:was )?reset|ConnectionReset(?:Error)?|ConnectionAborted|reset by peer|Broken ?pipe|socket hang up|Remote end closed connection|RemoteDisconnected|server closed the connection|forcibly closed|(?:lost|dropped|closed|broken) connection to|Lost connection|gone away|Server disconnected|ServerDisconnected|peer closed connection|Connection (?:closed|lost|aborted|terminated|dropped)|ConnectionClosed(?:Error)?|IncompleteRead|ConnectionLost|Errno (?:104|54|32|10053|10054)\]|os error (?:32|54|104|10053|10054)\)|connection (?:has been|was|is) (?:already )?(?:closed|lost|terminated|interrupted)|no close frame|UND_ERR_SOCKET|other side closed|Premature close|ERR_STREAM_PREMATURE_CLOSE|network (?:connection )?(?:was )?(?:lost|changed)|disconnected from|ProtocolError|early eof|remote end hung up/i,
    example: 'Error: read ECONNRESET',
    weight: 0.2,
    check:
      'Check the log of {host|the other end} at this time: it closed the connection (restart, crash, idle timeout or limit).',
  },
  {
    id: 'network.stream-cut',
    category: 'network-unreachable',
    pattern:
      /^(?:\[?API Error: |(?:Type)?Error: )?terminated\]?$|\bunexpected EOF\b|stream (?:was )?(?:disconnected|closed|ended|errored|interrupted)(?: before| unexpectedly| out\b)|Connection reset by server/,
    example: 'terminated',
    weight: 0.2,
    check:
      'The stream of the answer was cut by {host|the other end} or a proxy. Check its log at this time, and let the program repeat the request.',
  },
  {
    id: 'network.waiting',
    category: 'network-unreachable',
    pattern:
      /(?:re-?connecting|retrying)\b.{0,40}(?:network|connection|internet)\b|waiting for (?:the |a )?(?:network|internet)\b/i,
    example: 'Reconnecting, waiting for network',
    weight: 0.3,
    ongoing: true,
    check:
      'The program waited for a network connection when it ended. Check the network of this machine (`ip route`, DNS, proxy settings of the service).',
  },
  {
    id: 'network.unreachable',
    category: 'network-unreachable',
    pattern:
      /\bEHOSTUNREACH\b|\bENETUNREACH\b|\bENETDOWN\b|No route to host|Network (?:is )?unreachable|network is down|host is (?:unreachable|down)|unreachable (?:host|network)|NoRouteToHost|Errno (?:101|113|51|65|10051|10065)\]|os error (?:101|113|51|65)\)|ERR_INTERNET_DISCONNECTED|ERR_ADDRESS_UNREACHABLE|ERR_NETWORK|no internet|Network Error\b|offline/i,
    example: 'OSError: [Errno 101] Network is unreachable',
    weight: 0.35,
    check:
      'Check the network of this machine (`ip route get`, ping the gateway), then firewall and VPN towards {host|the other end}.',
  },
];

export const timeoutRules: readonly Rule[] = [
  {
    id: 'timeout.job-limit',
    category: 'timeout',
    pattern:
      /server tick took \d+|(?:hard |soft )?time limit\b.{0,30}(?:exceed|reach)|DUE TO TIME LIMIT|TimeLimitExceeded|WORKER TIMEOUT|exceeded (?:the |its )?(?:maximum )?(?:execution|run|wall|job|step|time) ?(?:time|limit)|Maximum execution time|max(?:imum)? (?:run ?time|execution time)|Task timed out after|job timed? ?out|watchdog.{0,60}time(?:d )?out|collective operation timeout|startup timed out|\bnot (?:ready|up|available|healthy|reachable) (?:after|within) \d+|did not (?:respond|start|finish|complete|become ready) (?:in|within)|start operation timed out|timed? ?out waiting|wait(?:ing|ed)? .{0,40}timed out|execution expired|\bETIME\b|exceeded.{0,10}deadline/i,
    example: 'slurmstepd: error: *** JOB 4711 ON node7 CANCELLED AT 2026-01-01T10:00:00 DUE TO TIME LIMIT ***',
    weight: 0.45,
    check:
      'Check what the program was doing when the limit passed. Fix the hang, or raise the limit if the work needs longer.',
  },
  {
    id: 'timeout.wait',
    category: 'timeout',
    pattern:
      /\bETIMEDOUT\b|\bESOCKETTIMEDOUT\b|ERR_TIMED_OUT|ERR_CONNECTION_TIMED_OUT|time[d]?[- ]?out\b|Timeout(?:Error|Exception|Expired|Err)?\b|(?:Read|Connect|Write|Pool|Connection|Request|Socket|Gateway|API)Time(?:d)?[Oo]ut(?:Error|Exception)?|deadline exceeded|DEADLINE_EXCEEDED|DeadlineExceeded|Errno (?:110|60|10060)\]|os error (?:110|60|10060)\)|WinError 10060|WinError 121|UND_ERR_(?:CONNECT|HEADERS|BODY)_TIMEOUT|Navigation timeout|exceeded the timeout|not (?:respond|responding)|failed to respond|no response from|heartbeat (?:missed|timeout|lost)/i,
    example:
      "requests.exceptions.ReadTimeout: HTTPSConnectionPool(host='api.example.com', port=443): Read timed out. (read timeout=30)",
    weight: 0.25,
    check:
      'Check whether {host|the other end} answers and how long it takes. Then compare that with the timeout that is set here.',
  },
];

/** Vague words: the network is meant, nothing more is said. */
export const vagueNetworkRules: readonly Rule[] = [
  {
    id: 'network.connection',
    category: 'network-unreachable',
    pattern:
      /Failed to (?:establish a (?:new )?connection|connect\b)|NewConnectionError|Max retries exceeded|APIConnectionError|ConnectError\b|ConnectionError\b|ConnectException|ClientConnectorError|Cannot connect to|Can(?:no|')t connect|could not connect|couldn't connect|unable to (?:connect|reach|establish)|connection (?:error|failed|failure|to .{1,80} failed|attempt failed)|fetch failed|failed to (?:reach|fetch|dial)|Network(?:Error|Failure|Exception)\b|Communications link failure|MongoNetworkError|ServerSelection(?:Timeout)?Error|dial (?:tcp|udp|unix)|transport (?:error|is closing)|WebSocket .{0,40}(?:failed|closed|error)|SocketException|Connection is not available|error trying to connect|error sending request|(?:failed to|could not) detect network|missing response for request|ERR_SOCKET_NOT_CONNECTED|unable to access '/i,
    example: 'openai.APIConnectionError: Connection error.',
    weight: 0.1,
    check:
      'Check that {host|the other end} can be reached from here (`curl -v`), with the proxy settings of the service.',
  },
];
export const rateRules: readonly Rule[] = [
  {
    id: 'http.rate-limit',
    category: 'rate-limited',
    pattern:
      /Too ?Many ?Requests|RateLimit(?:Error|Exceeded|Exception|ed)?\b|rate[ _-]?limit(?:ed|ing|s)?\b(?! ?(?:ok|remaining|reset))|Rate exceeded|Throttl(?:ed|ing)(?:Exception)?\b|FloodWait|Flood (?:control|wait)|SlowDown\b|toomanyrequests|request weight|retry after \d+|(?:HTTP|status|code|error|returned|response)\W{0,8}(?:status |code )?\W{0,4}429\b|\b429 (?:Client Error|Too|-)|RESOURCE_EXHAUSTED(?!: (?:Out of|OOM))|ResourceExhausted|Resource has been exhausted|quota (?:exceeded|limit|exhausted)|exceeded (?:your |the |its )?(?:\w+ )?(?:request |API |daily |rate )?(?:quota|rate limit)|quotaExceeded|too many (?:attempts|tries|login attempts|API calls)|requests per (?:minute|second|day)/i,
    example:
      'requests.exceptions.HTTPError: 429 Client Error: Too Many Requests for url: https://api.example.com/v2/items',
    weight: 0.35,
    check: 'Call {host|the service} less often: honour Retry-After, and share one rate limiter between the workers.',
  },
];

export const upstreamRules: readonly Rule[] = [
  {
    id: 'http.server-error',
    category: 'upstream-error',
    pattern:
      /\b5\d\d Server Error|\b50[0-9]:? (?:Internal Server Error|Bad Gateway|Service (?:Temporarily )?Unavailable|Gateway Time-?out)|Internal ?Server ?Error\b|Bad Gateway|Service ?(?:Temporarily )?Unavailable(?:Error)?|Gateway Time-?out|(?:HTTP|status|code|error|returned|response)\W{0,8}(?:status |code )?\W{0,4}5\d\d\b|HTTP Error 5\d\d|HTTP\/[\d.]+ 5\d\d|upstream connect error|StatusCode\.(?:UNAVAILABLE|INTERNAL)|code = (?:Unavailable|Internal)(?!.{0,40}transport is closing)|(?<!Mongo)ServerError\b|server returned an error|remote server returned|cluster_block_exception|no healthy upstream|requests\.exceptions\.HTTPError: 5|InternalServerException|\b52[0-9]: |web server is down|under maintenance|(?:system|scheduled) maintenance|OnMaintenance|maintenance mode/i,
    example: 'requests.exceptions.HTTPError: 502 Server Error: Bad Gateway for url: https://api.example.com/v1/orders',
    weight: 0.25,
    check:
      'The fault is at {host|the other end}, not in this program. Check its status page or log, and let the program retry with backoff.',
  },
  {
    id: 'http.client-error',
    category: 'bad-config',
    pattern:
      /\b4(?:00|04|05|06|10|15|22) Client Error|HTTP Error 4(?:00|04|05|10|22)|returned error: 4(?:00|04|05|10|22)\b|(?:status|response) code:? 4(?:00|04|05|22)\b|BadRequestError|UnprocessableEntity|invalid_request_error/i,
    example: 'requests.exceptions.HTTPError: 404 Client Error: Not Found for url: https://api.example.com/v1/missing',
    weight: -0.2,
    check: 'The request itself is refused by {host|the service}. Check URL and parameters against its documentation.',
  },
];
