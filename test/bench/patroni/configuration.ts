import type { PatroniTimes } from './times.ts';

export interface PatroniMember {
  readonly name: string;
  readonly address: string;
  readonly restPort: number;
  readonly postgresPort: number;
  readonly etcd: string;
  readonly dataDirectory: string;
  readonly binDirectory: string;
  readonly socketDirectory: string;
  readonly tls: { readonly certificate: string; readonly key: string; readonly authority: string };
  readonly passwords: { readonly superuser: string; readonly replication: string };
  readonly times: PatroniTimes;
}

/** What both members must have alike: Patroni takes these from its shared configuration, and passes over them in a member's own file. */
const sharedParameters = {
  wal_log_hints: 'on',
  // A client that gives up an attempt leaves a session behind that waits for the standby, and outages are long: were the server full of
  // these, the standby could not come back.
  max_connections: 1_000,
};

/**
 * patroni.yml of one member, as JSON, which is YAML: with synchronous replication, so that it too loses nothing, and not in its strict
 * mode: like our primary, its own goes on alone when the standby is lost.
 */
export function patroniConfiguration(member: PatroniMember): string {
  const { name, address, restPort, postgresPort, etcd, tls, passwords, times } = member;
  const parameters = {
    ssl: 'on',
    ssl_cert_file: tls.certificate,
    ssl_key_file: tls.key,
    ssl_ca_file: tls.authority,
    unix_socket_directories: member.socketDirectory,
  };
  return JSON.stringify(
    {
      scope: 'rival',
      name,
      restapi: { listen: `${address}:${restPort}`, connect_address: `${address}:${restPort}` },
      etcd3: { host: etcd, protocol: 'http' },
      bootstrap: {
        dcs: {
          ...times.dcs,
          synchronous_mode: true,
          synchronous_mode_strict: false,
          postgresql: { use_pg_rewind: true, use_slots: true, parameters: sharedParameters },
        },
        initdb: [{ encoding: 'UTF8' }, 'data-checksums'],
        users: { app: { options: [] } },
        pg_hba: [
          'local all all trust',
          `hostssl all app 0.0.0.0/0 cert`,
          `hostssl all postgres 0.0.0.0/0 scram-sha-256`,
          `hostssl replication replicator 0.0.0.0/0 scram-sha-256`,
        ],
      },
      postgresql: {
        listen: `${address}:${postgresPort}`,
        connect_address: `${address}:${postgresPort}`,
        data_dir: member.dataDirectory,
        bin_dir: member.binDirectory,
        pgpass: `${member.socketDirectory}/pgpass`,
        basebackup: [{ checkpoint: 'fast' }],
        authentication: {
          superuser: { username: 'postgres', password: passwords.superuser },
          replication: { username: 'replicator', password: passwords.replication },
        },
        parameters,
      },
    },
    null,
    2,
  );
}
