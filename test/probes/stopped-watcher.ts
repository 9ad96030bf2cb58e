/** A watcher of its own process, to be stopped: prints its verdicts, and `alive N` every 100 ms since it last went on. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { liveWatch } from './live-watch.ts';

// The server that is asked must go on while the watcher is stopped, so it is the child's.
const script = `
python3 -u -c '
import http.server, threading, time, os
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self): self.send_response(200); self.send_header("content-length", "0"); self.end_headers()
    def log_message(self, *a): pass
s = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["AW_TEST_PORT"])), H)
threading.Thread(target=s.serve_forever, daemon=True).start()
while True: print("tick"); time.sleep(0.3)
'`;

const port = await freePort();
const env = { ...process.env, AW_TEST_PORT: String(port) };
const asked = { intervalMs: 200, timeoutMs: 2000, retries: 1, startPeriodMs: 20_000 };
const watch = liveWatch(
  script,
  [
    { kind: 'stale', afterMs: 2000, progressPattern: /tick/, when: 'silent', startPeriodMs: 20_000 },
    { kind: 'http', url: `http://127.0.0.1:${port}/`, expect: null, caFile: null, ...asked },
    { kind: 'port', host: '127.0.0.1', port, ...asked },
    { kind: 'check', command: 'true', ...asked },
  ],
  env,
  verdict => console.log(JSON.stringify(verdict)),
);
let count = 0;
let last = performance.now();
setInterval(() => {
  if (performance.now() - last > 1000) count = 0;
  last = performance.now();
  console.log(`alive ${count++}`);
}, 100);
process.on('SIGTERM', () => {
  watch.close();
  process.exit();
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port: free } = server.address() as AddressInfo;
  await new Promise(resolve => server.close(resolve));
  return free;
}
