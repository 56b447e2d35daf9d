import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CORE_SCHEMA, YAML11_SCHEMA, loadAll } from 'js-yaml';
import { describe, expect, test } from 'vitest';
import { defaultLimits, limitProblems } from '#lib/pair/limits.ts';
import { parseDurationMs } from '#lib/base/duration.ts';
import { generate } from '../../scripts/generate/api.ts';
import { readCrds } from '../../scripts/generate/crd.ts';
import type { Schema } from '../../scripts/generate/crd.ts';
import { repositoryRoot } from './api-server.ts';
import { schemasOf } from './rule-example.ts';

const crds = await readCrds(repositoryRoot);

const yamlFiles = await Promise.all(
  ['crds', 'policies'].flatMap(async (folder) =>
    (await readdir(join(repositoryRoot, folder))).map((name) => join(folder, name)).filter((name) => name.endsWith('.yaml')),
  ),
).then((lists) => lists.flat());

describe.each(yamlFiles)('%s', (file) => {
  test('means the same to readers of YAML 1.1 and of YAML 1.2', async () => {
    const text = await readFile(join(repositoryRoot, file), 'utf8');
    expect(loadAll(text, { schema: YAML11_SCHEMA })).toEqual(loadAll(text, { schema: CORE_SCHEMA }));
  });

  test('uses neither anchors nor aliases', async () => {
    const text = await readFile(join(repositoryRoot, file), 'utf8');
    expect(text.match(/^\s*(- )?(['"]?[\w-]+['"]?: )?[&*][A-Za-z]/gm) ?? []).toEqual([]);
  });
});

test('lib/api is what the definitions generate', async () => {
  const generated = await generate();
  const committed = (await readdir(join(repositoryRoot, 'lib/api'))).map((name) => `lib/api/${name}`);
  expect(committed.sort()).toEqual([...generated.keys()].filter((path) => path.startsWith('lib/api/')).sort());
  for (const [path, text] of generated) {
    expect(await readFile(join(repositoryRoot, path), 'utf8'), `${path} is out of date: run npm run generate`).toBe(text);
  }
});

describe.each(crds.map((crd) => [crd.kind, crd] as const))('%s', (_, crd) => {
  const fields = schemasOf(crd).filter(({ at }) => at !== 'metadata' && !at.endsWith('{}'));

  test('every field has a description of a whole sentence', () => {
    expect(fields.filter(({ schema }) => !/^[A-Z0-9a-z][^]*\.$/.test(schema.description ?? '')).map(({ at }) => at)).toEqual([]);
  });

  test('every text, list and map has a bound', () => {
    const isBounded = ({ type, enum: values, format, ...schema }: Schema): boolean => {
      if (type === 'string') return values !== undefined || format === 'date-time' || schema.maxLength !== undefined;
      if (type === 'array') return schema.maxItems !== undefined && schema['x-kubernetes-list-type'] !== undefined;
      return schema.additionalProperties === undefined || schema.maxProperties !== undefined;
    };
    const unbounded = fields.filter(({ at, schema }) => !['apiVersion', 'kind'].includes(at) && !isBounded(schema));
    expect(unbounded.map(({ at }) => at)).toEqual([]);
  });

  test('a group that is left out gets the defaults of its fields', () => {
    for (const { at, schema } of fields) {
      if (schema.type !== 'object' || schema.default === undefined) continue;
      const children = Object.entries(schema.properties ?? {}).filter(([, child]) => child.default !== undefined);
      expect({ at, defaults: schema.default }).toEqual({
        at,
        defaults: Object.fromEntries(children.map(([name, child]) => [name, child.default])),
      });
    }
  });

  test('every rule says what to do', () => {
    for (const { at, schema } of fields) {
      for (const { rule, message } of schema['x-kubernetes-validations'] ?? []) expect(message ?? '', `${at}: ${rule}`).toMatch(/.{20,}/);
    }
  });
});

test('the default detection limits are those of the pair protocol, and fit together', () => {
  const detection = crds.find(({ kind }) => kind === 'FailoverPair')?.schema.properties?.['spec']?.properties?.['detection'];
  const defaults = Object.entries(detection?.properties ?? {}).map(([name, { default: value }]) => [
    `${name}Ms`,
    parseDurationMs(String(value)),
  ]);
  expect(defaultLimits).toMatchObject(Object.fromEntries(defaults) as object);
  expect(defaults).toHaveLength(5);
  expect(limitProblems(defaultLimits)).toEqual([]);
});

test('the policy for terminals names every field of the spec but suspend', async () => {
  const spec = crds.find(({ kind }) => kind === 'Terminal')?.schema.properties?.['spec'];
  const policy = await readFile(join(repositoryRoot, 'policies/terminal-suspend.yaml'), 'utf8');
  const compared = [...policy.matchAll(/object\.spec\.\??(\w+) == oldObject\.spec\.\??(\w+)/g)].map(([, left, right]) => [left, right]);
  const guarded = Object.keys(spec?.properties ?? {}).filter((name) => name !== 'suspend');
  expect(compared).toEqual(guarded.map((name) => [name, name]));
});
