import { isIP } from 'node:net';

/** One address of one etcd, from a URL such as `https://10.20.0.13:2379`. */
export interface EtcdEndpoint {
  readonly url: string;
  /** As the server's certificate must name it: an IP address without brackets, or a DNS name. */
  readonly host: string;
  /** The target text of grpc-js. An address is dialled as it is; a name is resolved. */
  readonly target: string;
}

const shape = /^https:\/\/(?:\[([0-9a-f:.]+)\]|([-a-z0-9.]+)):([0-9]{1,5})$/i;

/** Reads the URL of an endpoint; undefined when it is none that we call. Without encryption nothing is called. */
export function parseEndpoint(url: string): EtcdEndpoint | undefined {
  const [, six, plain, portText] = shape.exec(url) ?? [];
  const host = (six ?? plain ?? '').toLowerCase();
  const port = Number(portText);
  const family = isIP(host);
  if (host === '' || port < 1 || port > 65_535 || (six !== undefined && family !== 6)) return undefined;
  const scheme = family === 6 ? 'ipv6' : family === 4 ? 'ipv4' : 'dns';
  return { url, host, target: `${scheme}:${family === 6 ? `[${host}]` : host}:${port}` };
}
