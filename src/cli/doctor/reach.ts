/** Whether those who are told and asked can be reached: a connection to the host, no more. Nothing is sent, no address is shown. */
import type { Socket } from 'node:net';

const PATIENCE_MS = 3000;

/** Why a host cannot be reached, in words; null: it can. Through the proxy, where the environment names one. */
export async function whyUnreachable(
  url: URL,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | null> {
  const secure = url.protocol === 'https:';
  const proxy = secure && !isNear(url.hostname) ? (env['HTTPS_PROXY'] ?? env['https_proxy']) : undefined;
  const via = proxy ? asUrl(proxy) : null;
  if (proxy && via === null) return 'HTTPS_PROXY is no URL';
  const why = via === null ? await connect(url, secure) : await connect(via, via.protocol === 'https:');
  return why !== null && via !== null ? `the proxy ${via.host}: ${why}` : why;
}

function asUrl(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

const isNear = (hostname: string) => /^(?:localhost|127\..*|\[::1\])$/.test(hostname);

async function connect(url: URL, secure: boolean): Promise<string | null> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port) || (secure ? 443 : 80);
  const net = await import('node:net');
  const tls = secure ? await import('node:tls') : null;
  return new Promise(resolve => {
    // A name for TLS; an address has none.
    const named = net.isIP(host) === 0 ? { servername: host } : {};
    const socket: Socket = tls === null ? net.connect({ host, port }) : tls.connect({ host, port, ...named });
    const end = (why: string | null) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(why);
    };
    const timer = setTimeout(() => end(`no answer in ${PATIENCE_MS / 1000} s`), PATIENCE_MS);
    socket.once(tls === null ? 'connect' : 'secureConnect', () => end(null));
    socket.on('error', error => end(wordsFor(error)));
  });
}

function wordsFor(error: Error & { code?: string }): string {
  const code = error.code ?? 'no connection';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `its name is not resolved (${code})`;
  if (code === 'ECONNREFUSED') return 'the connection is refused (ECONNREFUSED)';
  if (/CERT|SIGNED|VERIFY|ALTNAME/.test(code)) return `its certificate is not trusted (${code})`;
  return code;
}
