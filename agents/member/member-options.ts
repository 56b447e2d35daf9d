import { readFields } from '#lib/base/fields.ts';

/** What only the machine of the member knows: the file `member.yaml`. Everything else comes from the operator. */
export interface MemberOptions {
  /** Ours: settings, certificates, socket, proof, lock, reports. Absolute, on the file system of the data. */
  readonly stateDirectory: string;
  readonly dataDirectory: string;
  readonly postgresql: {
    /** Undefined: the usual places. */
    readonly binDirectory: string | undefined;
    /** Account PostgreSQL runs as when the agent is root. */
    readonly user: string;
  };
  /** The one-time bundle; not needed any more once the member is enrolled. */
  readonly bundle: string | undefined;
  /** Program and arguments that start the hall server; `--config FILE` is added. */
  readonly hallServer: { readonly command: readonly [string, ...string[]] | undefined };
  readonly metrics: { readonly address: string; readonly port: number };
}

const absolute = { pattern: /^\/[^\0]*$/, shape: 'an absolute path' } as const;

/** Checks member.yaml. @throws HK_OPTIONS_INVALID naming every problem at once. */
export function resolveMemberOptions(raw: unknown): MemberOptions {
  const field = readFields(raw);
  const postgresql = field.group('postgresql', { optional: true });
  const hallServer = field.group('hallServer', { optional: true });
  const metrics = field.group('metrics', { optional: true });
  const [program, ...args] = hallServer.texts('command', { max: 32 });
  const options: MemberOptions = {
    stateDirectory: field.text('stateDirectory', absolute),
    dataDirectory: field.text('dataDirectory', absolute),
    postgresql: {
      binDirectory: postgresql.optionalText('binDirectory', absolute),
      user: postgresql.text('user', { fallback: 'postgres', pattern: /^[a-z_][-a-z0-9_]{0,31}$/, shape: 'a user of this machine' }),
    },
    bundle: field.optionalText('bundle', absolute),
    hallServer: { command: program === undefined ? undefined : [program, ...args] },
    metrics: {
      address: metrics.text('address', { fallback: '127.0.0.1' }),
      port: metrics.wholeNumber('port', { min: 0, max: 65_535, fallback: 9_187 }),
    },
  };
  const { stateDirectory, dataDirectory } = options;
  const inside = (inner: string, outer: string): boolean => inner === outer || inner.startsWith(`${outer.replace(/\/$/, '')}/`);
  // pg_rewind and pg_basebackup replace everything inside the data directory.
  if (dataDirectory !== '' && inside(stateDirectory, dataDirectory)) field.problem('stateDirectory', 'must not lie inside dataDirectory');
  field.refuseProblems();
  return Object.freeze(options);
}
