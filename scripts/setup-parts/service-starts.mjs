import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { findProgram, readText } from './places.mjs';

/** Debian's packages ask this file before they start a service: 101 means no. */
const policyFile = '/usr/sbin/policy-rc.d';
const savedFile = '/usr/sbin/policy-rc.d.before-hallkeeper';
const mark = '# Written by the set-up of Hallkeeper';

const unitFolders = ['/etc/systemd/system', '/lib/systemd/system', '/usr/lib/systemd/system'];

/** Services of the packages that we install; a test's servers are our own children, and nothing should listen on a machine by surprise. */
const servicesOf = {
  bind9: ['named'],
  knot: ['knot'],
  prometheus: ['prometheus'],
  'prometheus-alertmanager': ['prometheus-alertmanager'],
  postgresql: ['postgresql'],
  patroni: ['patroni'],
};

/**
 * Runs an installation during which no service starts, and puts the machine's own policy back after it. The policy we write holds
 * only while our process lives, so that a set-up that was killed forbids nothing; the next one puts the old policy back.
 */
export async function withoutServiceStarts(installation) {
  restore();
  if (existsSync(policyFile)) renameSync(policyFile, savedFile);
  const before = existsSync(savedFile) ? `exec ${savedFile} "$@"` : 'exit 0';
  writeFileSync(
    policyFile,
    `#!/bin/sh\n${mark}: services wait while process ${process.pid} installs.\n[ ! -d /proc/${process.pid} ] || exit 101\n${before}\n`,
  );
  chmodSync(policyFile, 0o755);
  try {
    await installation();
  } finally {
    restore();
  }
}

function restore() {
  if (readText(policyFile)?.includes(mark) === true) rmSync(policyFile);
  if (existsSync(savedFile) && !existsSync(policyFile)) renameSync(savedFile, policyFile);
}

/** Services that these packages would bring and that the machine has not yet: what it has is its owner's and stays as it is. */
export function newServices(packages) {
  const services = packages.flatMap((name) => servicesOf[name.replace(/-[0-9]+$/, '')] ?? []);
  return services.filter((name) => !unitFolders.some((folder) => existsSync(`${folder}/${name}.service`)));
}

/** Keeps new services from starting with the machine. Where there is no systemd there is nothing to do. */
export function disableServices(services) {
  const systemctl = findProgram('systemctl');
  if (systemctl === undefined || services.length === 0) return;
  spawnSync(systemctl, ['disable', '--quiet', ...services], { stdio: 'ignore' });
}
