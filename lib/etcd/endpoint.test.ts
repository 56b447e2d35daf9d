import { describe, expect, test } from 'vitest';
import { parseEndpoint } from './endpoint.ts';

describe('endpoints of an etcd', () => {
  test.each([
    ['https://10.20.0.13:2379', '10.20.0.13', 'ipv4:10.20.0.13:2379'],
    ['https://[FD00::13]:2379', 'fd00::13', 'ipv6:[fd00::13]:2379'],
    ['https://Etcd-1.hall.test:2379', 'etcd-1.hall.test', 'dns:etcd-1.hall.test:2379'],
  ])('%s', (url, host, target) => expect(parseEndpoint(url)).toEqual({ url, host, target }));

  test.each([
    'http://10.20.0.13:2379',
    'https://10.20.0.13',
    'https://10.20.0.13:0',
    'https://10.20.0.13:70000',
    'https://[10.20.0.13]:2379',
    'https://[fd00::zz]:2379',
    'https://user@10.20.0.13:2379',
    'https://10.20.0.13:2379/v3',
    'https://:2379',
    '10.20.0.13:2379',
  ])('%s is none', (url) => expect(parseEndpoint(url)).toBeUndefined());
});
