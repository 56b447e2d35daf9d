import { execFile } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const root = path.resolve(import.meta.dirname, '../..');
/** Folders of `proto/`, each with the room that speaks it. */
const generatedFolders: Readonly<Record<string, string>> = { hallkeeper: 'lib/link/gen', etcdserverpb: 'lib/etcd/gen' };

/** TypeScript of `proto/`, made by buf with the local ts-proto plugin: path below the repository's root → content. */
export async function generate(): Promise<ReadonlyMap<string, string>> {
  const folder = await mkdtemp(path.join(tmpdir(), 'hallkeeper-proto-'));
  try {
    await buf(['generate', '--output', folder]);
    const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.ts')).sort();
    if (files.length === 0) throw new Error('buf generated nothing from proto/');
    return new Map(await Promise.all(files.map(async (name) => [placeOf(name), await readFile(path.join(folder, name), 'utf8')] as const)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function placeOf(name: string): string {
  const [source = ''] = name.split('/');
  const folder = generatedFolders[source];
  if (folder === undefined) throw new Error(`scripts/generate/proto.ts does not say which room speaks proto/${source}`);
  return `${folder}/${name}`;
}

/** Complaints of `buf lint`, empty when there are none. */
export async function lintProto(): Promise<string> {
  try {
    await buf(['lint']);
    return '';
  } catch (error) {
    if (typeof error === 'object' && error !== null && 'stdout' in error) return String(error.stdout);
    throw error;
  }
}

async function buf(args: readonly string[]): Promise<void> {
  const binaries = path.join(root, 'node_modules/.bin');
  const env = { ...process.env, PATH: [binaries, path.dirname(process.execPath), process.env['PATH'] ?? ''].join(path.delimiter) };
  await promisify(execFile)(path.join(binaries, 'buf'), [...args], { cwd: path.join(root, 'proto'), env, timeout: 120_000 });
}
