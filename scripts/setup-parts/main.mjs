// Finds what is missing, then installs it part by part. Plain JavaScript without dependencies that runs on Node 20: it is what
// brings the right Node and the dependencies.
import { controlPlanePart } from './control-plane.mjs';
import { dependenciesPart } from './dependencies.mjs';
import { withLock } from './lock.mjs';
import { nodePart } from './node.mjs';
import { StepFailed, Progress } from './progress.mjs';
import { systemPart } from './system.mjs';

const help = `Finds or installs what Hallkeeper's tests and demo need, and does nothing when it is all there.

usage: scripts/setup [options]

  Node.js 24.12 or newer        from npm, into .hallkeeper/node
  npm packages                  npm ci, when package-lock.json changed
  PostgreSQL 15 or newer, BIND, Prometheus, Alertmanager and small tools
                                from the distribution (Debian, Ubuntu: apt-get, as root; else it says what to run)
  etcd, kube-apiserver, kube-controller-manager, kubectl
                                built once with Go into ~/.cache/hallkeeper, unless KUBEBUILDER_ASSETS or PATH has them

  --check   only look; fails when something is missing
  --rivals  also what the benchmarks compare with: Patroni
  --json    print what was found as JSON on standard output
  --help    print this text

exit codes: 0 everything is there, 1 something is missing or failed, 2 wrong usage
`;

const parts = [nodePart, systemPart, dependenciesPart, controlPlanePart];

async function main(args, progress) {
  const unknown = args.filter((arg) => !['--check', '--rivals', '--json', '--help', '-h'].includes(arg));
  if (unknown.length > 0) {
    process.stderr.write(`scripts/setup: unknown argument: ${unknown.join(' ')}\nSee 'scripts/setup --help'.\n`);
    return 2;
  }
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(help);
    return 0;
  }
  const startMs = performance.now();
  const only = args.includes('--check');
  const before = look();
  if (before.missing.length > 0 && !only) await withLock(progress, () => install(progress));
  const found = before.missing.length > 0 ? look() : before;
  const seconds = Number(((performance.now() - startMs) / 1_000).toFixed(2));
  const ok = found.missing.length === 0;
  if (args.includes('--json')) process.stdout.write(`${JSON.stringify({ ok, seconds, ...found }, null, 2)}\n`);
  if (!ok) throw new StepFailed(`still missing: ${found.missing.join(', ')}`);
  progress.say(before.missing.length === 0 ? `everything is there (${seconds} s)` : `done in ${seconds} s`);
  return 0;
}

/** What every part finds. `missing` names what it does not find, in words for people. */
function look() {
  const results = parts.map((part) => ({ name: part.name, ...part.look() }));
  return {
    missing: results.flatMap(({ missing }) => missing),
    found: Object.fromEntries(results.map(({ name, found }) => [name, found])),
  };
}

/** Looks again first: another set-up may have done the work while we waited for it. */
async function install(progress) {
  // Whatever needs a person is told at once and together, before anything that takes minutes.
  const obstacles = parts.flatMap((part) => (part.look().missing.length > 0 ? part.obstacles() : []));
  if (obstacles.length > 0) throw new StepFailed(obstacles.join('; '));
  for (const part of parts) {
    const { missing } = part.look();
    if (missing.length > 0) await part.install(progress, missing);
  }
}

const progress = new Progress();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    process.exitCode = 130;
    progress.interrupt(signal);
  });
}

try {
  process.exitCode = await main(process.argv.slice(2), progress);
} catch (error) {
  if (!(error instanceof StepFailed)) throw error;
  process.stderr.write(`Set-up: ${error.message}\n`);
  process.exitCode ||= 1;
}
