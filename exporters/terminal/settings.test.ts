import { readFile } from 'node:fs/promises';
import { load } from 'js-yaml';
import { expect, test } from 'vitest';
import { parseExporterSettings } from './settings.ts';

const whole = {
  hall: 'north',
  pair: { uid: '5f0c' },
  endpoint: { name: 'north.halls.example.org', port: 7443, resolvers: ['10.1.0.2:5353'], addresses: ['10.1.1.2', '[2001:db8::1]:7444'] },
  tls: { certificateFile: 'a.pem', keyFile: 'a.key', pairCaFile: 'ca.pem' },
};

test('whole settings are read, with what was left out filled in', () => {
  expect(parseExporterSettings(whole)).toEqual({
    hall: 'north',
    trustDomain: 'hallkeeper.dev',
    pair: { uid: '5f0c' },
    endpoint: {
      name: 'north.halls.example.org',
      port: 7443,
      resolvers: ['10.1.0.2:5353'],
      fixed: [
        { address: '10.1.1.2', port: 7443 },
        { address: '2001:db8::1', port: 7444 },
      ],
    },
    tls: { certificateFile: 'a.pem', keyFile: 'a.key', pairCaFile: 'ca.pem' },
    http: { address: '127.0.0.1', port: 9850 },
  });
});

test('the HTTP server can have TLS, and ask its clients for certificates', () => {
  const tls = { certificateFile: 'b.pem', keyFile: 'b.key', clientCaFile: 'clients.pem' };
  expect(parseExporterSettings({ ...whole, http: { address: '::', port: 0, tls } }).http).toEqual({ address: '::', port: 0, tls });
});

test('one error names every problem', () => {
  const broken = {
    hall: 'North Hall',
    endpoint: { port: 0, addresses: ['hall.example'], resolvers: ['10.1.0.2:99999'] },
    tls: { certificateFile: 'a.pem', keyFile: 7, pairCaFile: 'ca.pem', password: 'x' },
    http: { port: 'any' },
    interval: '5s',
  };
  expect(() => parseExporterSettings(broken)).toThrow(expect.objectContaining({ code: 'HK_OPTIONS_INVALID' }) as Error);
  const problems = ['hall must be', 'pair is required', 'endpoint.port', 'endpoint.addresses[0]', 'endpoint.resolvers[0]', 'tls.keyFile'];
  for (const problem of [...problems, 'http.port', 'interval is not a known setting', 'tls.password is not a known setting']) {
    expect(() => parseExporterSettings(broken)).toThrow(problem);
  }
});

test('members must be found somehow', () => {
  expect(() => parseExporterSettings({ ...whole, endpoint: { port: 7443 } })).toThrow(
    'endpoint.name or addresses must say where the members are',
  );
});

test('the settings in the handbook are good', async () => {
  const page = await readFile(new URL('../../docs/terminal-exporter.md', import.meta.url), 'utf8');
  const yaml = /```yaml\n(.*?)```/s.exec(page)?.[1] ?? '';
  expect(parseExporterSettings(load(yaml))).toMatchObject({ hall: 'north', http: { port: 9_850 }, endpoint: { fixed: [{}, {}] } });
});
