import { posix } from 'node:path';
import { allImports } from './imports.ts';
import type { Import } from './imports.ts';
import { isGenerated, isTestCode, programRooms, roomOf } from './rooms.ts';
import type { Room } from './rooms.ts';
import type { Sources } from './sources.ts';

/** What is wrong and why, one sentence each; empty when nothing is. */
export type Problems = readonly string[];

/** Every file of ours belongs to a room of the table, and imports what the table lets it. */
export function checkDirections(sources: Sources): Problems {
  const homeless = [...sources.keys()].filter((path) => path.endsWith('.ts') && path.includes('/') && roomOf(path) === undefined);
  return [
    ...homeless.map((path) => `${path}: this folder is no room; add it to test/house/rooms.ts with what it may import`),
    ...allImports(sources).flatMap((each) => directionProblem(each)),
  ];
}

function directionProblem({ from, specifier, target, started }: Import): Problems {
  const room = roomOf(from);
  if (room === undefined) return [];
  // The demo and tests start programs, as a person would.
  if (started && isMain(target) && !room.room.startsWith('lib/')) return [];
  const because = `, because ${room.because}`;
  if (target === undefined) {
    const forbidden = room.node === false && specifier.startsWith('node:') && !isTestCode(from);
    return forbidden ? [`${from} imports ${specifier}; ${room.room} uses no node: module${because}`] : [];
  }
  const other = roomOf(target);
  if (other === undefined || other === room) return [];
  if (mayImport(room, other, from, target)) return [];
  return [`${from} imports ${target}; ${room.room} may import ${allowedText(room)}${because}`];
}

function mayImport(room: Room, other: Room, from: string, target: string): boolean {
  const otherIsShared = other.room.startsWith('lib/');
  // A contract is how programs meet; a room below lib/ knows no program at all.
  if (programRooms.includes(other.room)) {
    // Tests around the product compare its parts: the alerts with the inhibitions that the operator writes.
    const isTestAround = isTestCode(from) && !room.room.startsWith('lib/') && !programRooms.includes(room.room);
    return isTestAround || (!room.room.startsWith('lib/') && target === `${other.room}/contract.ts`);
  }
  if (isTestCode(from) && (otherIsShared || other.room === 'test')) return true;
  if (room.never?.includes(other.room) === true) return false;
  return room.mayImport.includes(other.room) || (otherIsShared && room.mayImport.includes('lib'));
}

function allowedText({ mayImport: allowed, never }: Room): string {
  const text = allowed.length === 0 ? 'nothing' : allowed.join(', ');
  return never === undefined ? text : `${text} but not ${never.join(', ')}`;
}

/** Decisions touch nothing: no `node:` module and no act-* file. Their tests may. */
export function checkPurity(sources: Sources): Problems {
  const pure = /(^|\/)((decide|decode)-[^/]+|[^/]+-modes)\.ts$/;
  return allImports(sources)
    .filter(({ from }) => pure.test(from) && !from.endsWith('.test.ts'))
    .filter(({ specifier }) => specifier.startsWith('node:') || /(^|\/)act-[^/]*$/.test(specifier))
    .map(({ from, specifier }) => `${from} imports ${specifier}; a decision is a value, made without touching anything`);
}

/** Nothing imports main.ts; what stands in internal/ is its room's own; product code uses no fakes. */
export function checkPrivacy(sources: Sources): Problems {
  return allImports(sources).flatMap(({ from, target, started }) => {
    if (target === undefined) return [];
    const problems: string[] = [];
    if (isMain(target) && !started) problems.push(`${from} imports ${target}; main.ts is where a program begins, nothing builds on it`);
    if (target.includes('/internal/') && roomOf(from) !== roomOf(target))
      problems.push(`${from} imports ${target}; internal/ is private to its room`);
    if (target.includes('/testing/') && !isTestCode(from))
      problems.push(`${from} imports ${target}; testing/ holds fakes and builders, for tests only`);
    return problems;
  });
}

function isMain(target: string | undefined): boolean {
  return target !== undefined && posix.basename(target) === 'main.ts';
}

/** Imports between files lead nowhere back: what needs each other is one concept. Types are erased before anything runs. */
export function checkCycles(sources: Sources): Problems {
  const graph = new Map<string, string[]>();
  for (const { from, target, typesOnly, started } of allImports(sources)) {
    if (target !== undefined && !typesOnly && !started && !isGenerated(from)) graph.set(from, [...(graph.get(from) ?? []), target]);
  }
  const done = new Set<string>();
  const problems: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start !== -1) problems.push(`a cycle of imports: ${[...trail.slice(start), path].join(' → ')}`);
    if (start !== -1 || done.has(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return problems;
}

/** Imports lead to files that are there, and every file is imported by another than its own test, unless something starts it. */
export function checkReach(sources: Sources): Problems {
  const imports = allImports(sources).filter(({ target }) => target !== undefined);
  const lost = imports
    .filter(({ target }) => target !== undefined && !sources.has(target) && /\.(ts|mjs)$/.test(target))
    .map(({ from, specifier }) => `${from} imports ${specifier}, which does not exist`);
  const reached = new Set(imports.filter(({ from, target }) => !isOwnTest(from, target ?? '')).map(({ target }) => target));
  const unreached = [...sources.keys()].filter((path) => path.endsWith('.ts') && !reached.has(path) && !isStarted(path));
  return [...lost, ...unreached.map((path) => `${path}: nobody imports this file; use it or remove it`)];
}

function isOwnTest(test: string, path: string): boolean {
  return test.endsWith('.test.ts') && test.replace(/(\.real)?\.test\.ts$/, '.ts') === path;
}

/** Begun by a person, a test runner or a program that names it by its path. */
function isStarted(path: string): boolean {
  return /(^|\/)main\.ts$|\.test\.ts$/.test(path) || isGenerated(path) || /^scripts\/[^/]+\.ts$/.test(path) || !path.includes('/');
}

const exported = /^export (?:async )?(?:const|let|class|function\*?) ([A-Za-z_$][\w$]*)/gm;

/** A value is exported because a second file uses it, be it a test. Error catalogues are read by the handbook's generator, without a name. */
export function checkExports(sources: Sources): Problems {
  const code = [...sources].filter(([path]) => /\.(ts|mjs)$/.test(path));
  const users = new Map<string, Set<string>>();
  for (const [path, text] of code) {
    for (const [name] of text.matchAll(/[A-Za-z_$][\w$]*/g)) users.set(name, (users.get(name) ?? new Set()).add(path));
  }
  return code
    .filter(([path]) => path.endsWith('.ts') && path.includes('/') && !isGenerated(path))
    .flatMap(([path, text]) =>
      [...text.matchAll(exported)]
        .map(([, name = '']) => name)
        .filter((name) => !name.endsWith('Errors') && users.get(name)?.size === 1)
        .map((name) => `${path}: no other file uses ${name}; do not export it, or remove it`),
    );
}
