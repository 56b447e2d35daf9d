import type { Fields } from '#lib/base/fields.ts';

/** Where a small HTTP server of ours listens and, with `tls`, the files of its certificate. */
export interface HttpSettings {
  readonly address: string;
  /** 0 lets the machine choose. */
  readonly port: number;
  readonly tls?: HttpTlsFiles;
}

export interface HttpTlsFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
  /** PEM of the authorities that clients are asked for. Absent: any client may read. */
  readonly clientCaFile?: string;
}

/** Reads the mapping `{ address, port, tls?: { certificateFile, keyFile, clientCaFile? } }`. */
export function readHttpSettings(field: Fields, portFallback: number): HttpSettings {
  const tls = field.has('tls') ? field.group('tls') : undefined;
  const clientCaFile = tls?.optionalText('clientCaFile');
  return {
    address: field.text('address', { fallback: '127.0.0.1' }),
    port: field.wholeNumber('port', { min: 0, max: 65_535, fallback: portFallback }),
    ...(tls === undefined
      ? {}
      : {
          tls: {
            certificateFile: tls.text('certificateFile'),
            keyFile: tls.text('keyFile'),
            ...(clientCaFile === undefined ? {} : { clientCaFile }),
          },
        }),
  };
}
