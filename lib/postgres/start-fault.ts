/** A failure's line of a log in which only refused sessions end so. */
const refusesSessions = /FATAL: {2}the database system is /;

/** The last line of a server's log that names a failure of the server, without its time; undefined when none does. */
export function lastWordOf(logTail: string): string | undefined {
  const line = logTail.split('\n').findLast((each) => /\b(PANIC|FATAL):/.test(each) && !refusesSessions.test(each));
  return line === undefined ? undefined : line.slice(line.search(/\b(PANIC|FATAL):/));
}

/** Failures of a start that come from the settings or from the machine. The messages are PostgreSQL's own, with lc_messages C. */
const settingsFaults: readonly RegExp[] = [
  /configuration file .* contains errors/,
  /invalid value for parameter|unrecognized configuration parameter/,
  /must be less than "?max_connections/,
  /insufficient parameter settings/,
  /shared memory|semaphores/,
  /could not create (any TCP\/IP|any Unix-domain) sockets?|could not create listen socket|could not bind/,
  /could not (access|load) (file|library)|could not load server certificate|could not load private key file|could not load root certificate/,
  /database files are incompatible with server/,
  /lock file .* already exists/,
  /could not load .*pg_hba\.conf|could not load .*pg_ident\.conf/,
  /No space left on device|Disk quota exceeded|Cannot allocate memory|out of memory/,
];

/** Whether a start failed for its settings or for the machine: the data are good then, and a copy of the peer would not help. */
export function blamesSettings(logTail: string): boolean {
  const word = lastWordOf(logTail);
  return word !== undefined && settingsFaults.some((fault) => fault.test(word));
}
