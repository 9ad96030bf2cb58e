import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { obstacleTo } from '../../src/diagnosis/diagnose.ts';
import {
  anthropicBase,
  anthropicCredentials,
  isLoopback,
  isNear,
  ollamaCredentials,
  openaiBase,
  openaiCredentials,
  readKeyFile,
} from '../../src/diagnosis/endpoint.ts';

const folder = mkdtempSync(join(tmpdir(), 'agent-watch-key-'));
afterAll(() => rmSync(folder, { recursive: true }));

function keyFile(text: string, mode: number): string {
  const path = join(folder, `key-${mode.toString(8)}-${text.length}`);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

describe('keys', () => {
  test('a key file is read by its first line, and refused if others may read or write it', () => {
    expect(readKeyFile(keyFile('sk-1\n# mine\n', 0o600))).toEqual({ key: 'sk-1' });
    expect(readKeyFile(keyFile('sk-1', 0o640))).toEqual({ key: 'sk-1' });
    expect(readKeyFile(keyFile('sk-1', 0o644))).toHaveProperty(
      'refused',
      expect.stringContaining('read by every user'),
    );
    expect(readKeyFile(keyFile('sk-1', 0o602))).toHaveProperty('refused', expect.stringContaining('written'));
    expect(readKeyFile(keyFile('', 0o600))).toHaveProperty('refused', 'the key file is empty');
    expect(readKeyFile(keyFile('sk\u0007-1', 0o600))).toHaveProperty('refused', 'the key file holds no key');
    expect(readKeyFile(join(folder, 'none'))).toHaveProperty('refused', expect.stringContaining('does not exist'));
    expect(readKeyFile(folder)).toHaveProperty('refused');
  });

  test('a file goes before the environment, and a key never in plain to another host', () => {
    const path = keyFile('sk-file', 0o600);
    const env = { ANTHROPIC_API_KEY: 'sk-env' };
    const at = (url: string, file: string | null, from = env) => anthropicCredentials(new URL(url), file, from);
    expect(at('https://api.anthropic.com', path)).toEqual({ headers: { 'x-api-key': 'sk-file' } });
    expect(at('https://api.anthropic.com', null)).toEqual({ headers: { 'x-api-key': 'sk-env' } });
    expect(at('http://127.0.0.1:9', null)).toEqual({ headers: { 'x-api-key': 'sk-env' } });
    expect(at('http://10.0.0.1', path)).toHaveProperty('refused');
    expect(at('http://10.0.0.1', null)).toEqual({ headers: {} });
    expect(at('http://gateway.example.com', null)).toHaveProperty('refused');
    expect(openaiCredentials(new URL('https://api.openai.com/v1'), null, {})).toHaveProperty(
      'refused',
      'there is no key: set OPENAI_API_KEY or --llm-key-file',
    );
    expect(openaiCredentials(new URL('https://api.openai.com/v1'), null, { OPENAI_API_KEY: 'a\nb' })).toHaveProperty(
      'refused',
    );
    expect(ollamaCredentials(new URL('http://gpu.example.com:11434'), null, { OLLAMA_API_KEY: 'k' })).toEqual({
      headers: {},
    });
    expect(ollamaCredentials(new URL('https://ollama.com'), null, { OLLAMA_API_KEY: 'k' })).toEqual({
      headers: { authorization: 'Bearer k' },
    });
  });

  test('what stands in the way is seen before anybody is asked', () => {
    const settings = {
      model: null,
      url: null,
      timeoutMs: 1000,
      maxCalls: { count: 1, windowMs: 1 },
      keyFile: null,
      cwd: '/',
    };
    const kind = (name: 'anthropic' | 'openai' | 'ollama') => ({
      ...settings,
      provider: { kind: name } as const,
      env: {},
    });
    expect(obstacleTo(kind('anthropic'))).toBe('there is no key: set ANTHROPIC_API_KEY or --llm-key-file');
    const ofVariable = (OPENAI_BASE_URL: string) => obstacleTo({ ...kind('openai'), env: { OPENAI_BASE_URL } });
    expect(ofVariable('nonsense')).toBe('its address is not a URL');
    expect(ofVariable('http://127.0.0.1:8000')).toBeNull();
    expect(obstacleTo({ ...kind('openai'), url: new URL('http://127.0.0.1:8000') })).toBeNull();
    expect(obstacleTo(kind('ollama'))).toBeNull();
    expect(obstacleTo({ ...kind('openai'), env: { OPENAI_API_KEY: 'sk-1' } })).toBeNull();
  });

  test('hosts near and far', () => {
    for (const host of ['localhost', '127.1.2.3', '[::1]', 'a.localhost']) expect(isLoopback(host)).toBe(true);
    for (const host of ['127.0.0.1.example.com', 'localhost.example.com', '0.0.0.0'])
      expect(isLoopback(host)).toBe(false);
    for (const host of ['10.1.2.3', '172.31.0.1', '192.168.0.1', '[fd00::1]', 'ollama', 'gpu.local'])
      expect(isNear(host)).toBe(true);
    for (const host of ['172.32.0.1', '8.8.8.8', 'api.openai.com', '10.0.0.1.example.com', '[2001:db8::1]'])
      expect(isNear(host)).toBe(false);
  });

  test('bases', () => {
    expect(anthropicBase(undefined)).toEqual({ base: new URL('https://api.anthropic.com') });
    expect(anthropicBase('https://gate.example/v1/messages')).toEqual({ base: new URL('https://gate.example/') });
    expect(openaiBase('https://gate.example')).toEqual({ base: new URL('https://gate.example/v1') });
    for (const text of ['', 'nonsense', 'file:///etc/passwd', 'http://user:pw@gate.example'])
      expect(openaiBase(text)).toHaveProperty('refused');
    expect(openaiBase('http://user:geheim@gate.example')).toHaveProperty(
      'refused',
      expect.not.stringContaining('geheim'),
    );
  });
});
