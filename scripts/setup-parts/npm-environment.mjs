import { delimiter } from 'node:path';
import { nodeBinFolder } from './places.mjs';

/** What concerns the npm that called us and its options; a nested npm would take them for its own. */
const ofTheCaller =
  /^(npm_(lifecycle|package|command|execpath|node_execpath)|npm_config_(prefix|local_prefix|global_prefix|global|omit|include|only|production|dry_run|json|loglevel|node_gyp|ignore_scripts)$|INIT_CWD$|NODE_ENV$)/i;

/** The environment for npm: registry, proxy, cache and certificates as the user set them; our Node first in PATH. */
export function npmEnvironment() {
  const kept = Object.entries(process.env).filter(([name]) => !ofTheCaller.test(name));
  return { ...Object.fromEntries(kept), PATH: [nodeBinFolder, process.env.PATH ?? ''].join(delimiter) };
}
