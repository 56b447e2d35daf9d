import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCrds } from '../../scripts/generate/crd.ts';
import { repositoryRoot, startApiServer } from './api-server.ts';
import type { Answer, ApiServer, Manifest } from './api-server.ts';
import { aHall, aPair } from './builders.ts';
import { drillExamples } from './examples-drill.ts';
import { hallExamples } from './examples-hall.ts';
import { operationExamples } from './examples-operation.ts';
import { pairExamples } from './examples-pair.ts';
import { recordExamples } from './examples-record.ts';
import { terminalExamples } from './examples-terminal.ts';
import { changed, choicesOf, isAbout, rulesOf, schemasOf } from './rule-example.ts';
import type { Changes, FoundRule, RuleExample } from './rule-example.ts';

const examplesByKind = {
  DrillSchedule: drillExamples,
  FailoverPair: pairExamples,
  Hall: hallExamples,
  PairOperation: operationExamples,
  PairRecord: recordExamples,
  Terminal: terminalExamples,
};

const crds = await readCrds(repositoryRoot);
let server: ApiServer;
beforeAll(async () => {
  server = await startApiServer();
});
afterAll(async () => server[Symbol.asyncDispose]());

let objects = 0;
/** Stores the object under a name of its own, status included, and returns it with that name. */
async function stored(manifest: Manifest & { readonly status?: unknown }): Promise<Manifest> {
  objects += 1;
  const named = { ...manifest, metadata: { ...manifest.metadata, name: `object-${objects}` } };
  expect((await server.create(named)).message).toBe('');
  if (manifest.status !== undefined) expect((await server.updateStatus(named)).message).toBe('');
  return named;
}

/** Asks the API server for the change without carrying it out. */
async function tried(base: Manifest, at: string, before: Changes | undefined, changes: Changes): Promise<Answer> {
  const isStatus = at.startsWith('status');
  if (before === undefined && !isStatus) return server.create(changed(base, changes), { dryRun: true });
  const known = await stored(changed(base, before ?? {}));
  const wanted = changed(known, changes);
  return isStatus ? server.updateStatus(wanted, { dryRun: true }) : server.update(wanted, { dryRun: true });
}

function expectedWords({ schema, cel }: FoundRule, { says }: RuleExample): string {
  if (says !== undefined) return says;
  if (cel !== undefined) return cel.message ?? 'no message';
  return `in body should match '${schema.pattern ?? ''}'`;
}

for (const crd of crds) {
  const { base, examples } = examplesByKind[crd.kind as keyof typeof examplesByKind];
  describe(crd.kind, () => {
    const rules = rulesOf(crd);

    test('every rule has an example, and every example a rule', () => {
      const withoutExample = rules.filter((rule) => !examples.some((example) => isAbout(example, rule)));
      const withoutRule = examples.filter((example) => rules.filter((rule) => isAbout(example, rule)).length !== 1);
      expect(withoutExample.map(({ at, cel }) => `${at}: ${cel?.message ?? 'pattern'}`)).toEqual([]);
      expect(withoutRule).toEqual([]);
    });

    test('the example with every field set is accepted', async () => {
      await stored(base);
    });

    for (const example of examples) {
      const rule = rules.find((candidate) => isAbout(example, candidate));
      if (rule === undefined) continue;
      test(`${example.at}: ${example.rule} accepts ${JSON.stringify(example.accepted)}`, async () => {
        expect((await tried(base, example.at, example.before, example.accepted)).message).toBe('');
      });
      test(`${example.at}: ${example.rule} refuses ${JSON.stringify(example.refused)}`, async () => {
        const answer = await tried(base, example.at, example.before, example.refused);
        expect(answer.message).toContain(expectedWords(rule, example));
        expect(answer.message).toContain(example.at.replaceAll('[]', '[0]').replaceAll('{}', ''));
        expect(answer.code).toBe(422);
      });
    }

    for (const { at, values } of choicesOf(crd)) {
      test(`${at} is one of ${values.join(', ')}`, async () => {
        const refused = await tried(base, at, undefined, { [at]: 'Perhaps' });
        expect(refused.code).toBe(422);
        for (const value of values) expect(refused.message).toContain(`"${value}"`);
        for (const value of values) {
          const accepted = await tried(base, at, undefined, { [at]: value });
          expect(accepted.message).not.toContain('Unsupported value');
        }
      });
    }

    for (const { at, schema } of schemasOf(crd)) {
      const outside = [
        ...(schema.minimum === undefined ? [] : [schema.minimum - 1]),
        ...(schema.maximum === undefined ? [] : [schema.maximum + 1]),
      ];
      for (const value of outside) {
        test(`${at} is never ${value}`, async () => {
          const answer = await tried(base, at, undefined, { [at]: value });
          expect(answer.message).toMatch(/should be (greater|less) than or equal to/);
          expect(answer.code).toBe(422);
        });
      }
      for (const name of schema.required ?? []) {
        const field = at === '' ? name : `${at}.${name}`;
        if (field === 'spec' || at.startsWith('status')) continue;
        test(`${field} is required`, async () => {
          const answer = await tried(base, at, undefined, { [field]: undefined });
          expect(answer.message).toContain('Required value');
        });
      }
    }

    test('an unknown field is refused by name', async () => {
      const answer = await server.create(changed(base, { 'spec.colour': 'red' }), { dryRun: true });
      expect(answer.message).toContain('unknown field "spec.colour"');
    });
  });
}

test('a name in the place of an address is refused once, and not by every rule that reads addresses', async () => {
  const members = [
    { name: 'a', host: { address: 'server1' } },
    { name: 'b', host: { address: '10.20.0.12' } },
  ];
  const { body } = await server.create(aPair({ spec: { members } }), { dryRun: true });
  const { causes } = body['details'] as { readonly causes: readonly { readonly field: string }[] };
  expect(causes.map(({ field }) => field)).toEqual(['spec.members[0].host.address']);
});

test('a duration that is too long to be one is refused with its limits', async () => {
  const answer = await server.create(aHall({ spec: { heartbeat: { grace: '9999999999999h' } } }), { dryRun: true });
  expect(answer.code).toBe(422);
  expect(answer.message).toContain('grace must be from 0s to 10m');
});
