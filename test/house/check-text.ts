import { posix } from 'node:path';
import type { Problems } from './check-imports.ts';
import { linterWords, openWorkWords, skippingWords, typeCheckerWords } from './forbidden-words.ts';
import { isGenerated } from './rooms.ts';
import type { Sources } from './sources.ts';

/** Names that say nothing, so that everything ends up under them. */
const emptyNames = /^(utils?|helpers?|misc|common|stuff|lib|index|tools|shared|types|functions|things)$/;

/** A file or folder is named after its concept, not `utils` and not `-2`. */
export function checkNames(sources: Sources): Problems {
  return [...sources.keys()]
    .filter((path) => /\.(ts|mjs)$/.test(path) && !isGenerated(path))
    .flatMap((path) => {
      const folders = posix.dirname(path).split('/');
      const name = posix.basename(path).replace(/(\.real)?(\.test)?\.(ts|mjs)$/, '');
      const words = [...folders.slice(folders[0] === 'lib' ? 1 : 0), name];
      const empty = words.find((word) => emptyNames.test(word));
      const numbered = words.find((word) => /-[0-9]$/.test(word) && !/^(iso|rfc|ed|h|v)/.test(word));
      if (empty !== undefined) return [`${path}: the name ${empty} says nothing; name the file after its concept`];
      return numbered === undefined ? [] : [`${path}: split by concept, never by a number`];
    });
}

const openWork = new RegExp(`\\b(${openWorkWords.join('|')})\\b`);

/** Open work stands in no file: it is done, or it is nobody's. */
export function checkOpenWork(sources: Sources): Problems {
  return linesThat(sources, openWork, 'a mark of open work; do it or leave it out');
}

const skipped = new RegExp(`\\b(test|it|describe|suite|bench)(\\.[a-z]+)*\\.(${skippingWords.join('|')})\\b(?!\\(asRoot\\))`);

/** A test runs, always, everywhere. The one exception is what only root may do at all, such as mounting: `runIf(asRoot)`. */
export function checkSkippedTests(sources: Sources): Problems {
  const tests = new Map([...sources].filter(([path]) => path.endsWith('.test.ts')));
  return linesThat(tests, skipped, 'a test that does not run, or keeps others from running');
}

/** Absolute paths of somebody's home folder, which no other machine has. */
const homePath = /(^|[\s"'`(=])\/(root|home\/[a-z]+)\//;

/** What a file names exists on every machine. */
export function checkHomePaths(sources: Sources): Problems {
  return linesThat(sources, homePath, 'a path below the home folder of one machine');
}

const textsOfOthers = /^(LICENSE|package-lock\.json|scripts\/control-plane\/)|^lib\/link\/gen\//;

/** An exemption from a lint rule gives its reason. */
export function checkExemptions(sources: Sources): Problems {
  const code = new Map([...sources].filter(([path]) => /\.(ts|mjs)$/.test(path) && !isGenerated(path)));
  const bare = new RegExp(`\\b(${linterWords.join('|')})-disable(?!.* -- \\S)|${typeCheckerWords.join('|')}`);
  return linesThat(code, bare, 'an exemption without its reason (… -- why)');
}

function linesThat(sources: Sources, pattern: RegExp, what: string): Problems {
  return [...sources]
    .filter(([path]) => !textsOfOthers.test(path))
    .flatMap(([path, text]) =>
      text
        .split('\n')
        .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${what}: ${line.trim().slice(0, 100)}`] : [])),
    );
}
