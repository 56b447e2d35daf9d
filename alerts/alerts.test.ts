import { readFile, readdir } from 'node:fs/promises';
import { load } from 'js-yaml';
import { beforeAll, describe, expect, test } from 'vitest';
import { inhibitions } from '#operator/notify/inhibitions.ts';
import type { LabelMatcher } from '#operator/notify/inhibitions.ts';
import { alertRuleTexts, alertRules, alertsFolder } from './rule-files.ts';
import type { AlertRule } from './rule-files.ts';

interface PromtoolTest {
  readonly name: string;
  readonly alert_rule_test: readonly {
    readonly alertname: string;
    readonly exp_alerts: readonly { readonly exp_labels: Readonly<Record<string, string>>; readonly exp_annotations: unknown }[];
  }[];
}

const runbooks = new URL('../docs/runbooks/', alertsFolder);
const sections = ['Meaning', 'Impact', 'Diagnosis', 'Mitigation'];
/** Labels that Prometheus or the prometheus-operator set themselves, and such that mean nothing. */
const refusedLabels = ['namespace', 'service', 'instance', 'job', 'pod', 'container', 'endpoint', 'node', 'zone', 'type'];

/** An evaluation, and the default of notify.timing.groupWait. */
const groupWaitSeconds = 30 + 10;
/** How long a rule may remember a hall or a pair that nobody tells of any more. */
const memory = '1d';

let rules: readonly AlertRule[];
/** What promtool expects of each alert, over all its tests. */
let expectations: ReadonlyMap<string, PromtoolTest['alert_rule_test']>;

beforeAll(async () => {
  rules = await alertRules();
  const folder = new URL('promtool/', alertsFolder);
  const files = await Promise.all((await readdir(folder)).map((name) => readFile(new URL(name, folder), 'utf8')));
  const all = files.flatMap((text) => (load(text) as { readonly tests: readonly PromtoolTest[] }).tests);
  const checks = all.flatMap(({ alert_rule_test }) => alert_rule_test);
  expectations = Map.groupBy(checks, ({ alertname }) => alertname);
});

/** A duration as the rules write it: a number and a unit. */
function durationMs(text: string): number {
  const [, count = '', unit = ''] = /^(\d+)([smhd])$/.exec(text) ?? [];
  return Number(count) * ({ s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit] ?? Number.NaN);
}

/** The labels of a firing alert: promtool proves that they are complete. */
function labelSets(rule: AlertRule): readonly Readonly<Record<string, string>>[] {
  const found = (expectations.get(rule.alert) ?? []).flatMap(({ exp_alerts }) => exp_alerts.map(({ exp_labels }) => exp_labels));
  return found.map((labels) => ({ ...labels, alertname: rule.alert }));
}

describe('rules', () => {
  test('the alerts of this release are all there', () => {
    expect(rules.map(({ alert }) => alert)).toEqual([
      'HallkeeperPairDrillFailed',
      'HallkeeperPairDrillOverdue',
      'HallkeeperExporterDown',
      'HallkeeperHallUnreachable',
      'HallkeeperPairPathLost',
      'HallkeeperPairArbiterDown',
      'HallkeeperPairDnsOutOfSync',
      'HallkeeperMemberDown',
      'HallkeeperPairNoPrimary',
      'HallkeeperPairSolo',
      'HallkeeperPairFailoverHappened',
      'HallkeeperPairFailoverImpossible',
      'HallkeeperWatchdog',
      'HallkeeperTerminalOffline',
      'HallkeeperTerminalIdentityDuplicate',
    ]);
  });

  test('each has a severity, a component, a fixed summary, a description and the address of its runbook', () => {
    for (const { alert, labels, annotations } of rules) {
      expect(alert).toMatch(/^Hallkeeper[A-Z][A-Za-z]+$/);
      expect(['critical', 'warning', 'info', 'none']).toContain(labels['severity']);
      expect(labels['component']).toMatch(/^[a-z]+$/);
      expect(annotations['summary']).toMatch(/^[A-Z][^{}]+\.$/);
      expect(annotations['description']).toMatch(/\.$/);
      expect(annotations['runbook_url']).toBe(`https://hallkeeper.dev/docs/runbooks/${alert.toLowerCase()}.md`);
      expect(Object.keys(annotations).toSorted()).toEqual(['description', 'runbook_url', 'summary']);
    }
  });

  test('every gauge is read over a window, so that one missed scrape changes nothing', () => {
    for (const { expr } of rules) {
      const bare = expr
        .replace(/\w+_over_time\(hallkeeper_\w+(\{[^}]*\})?\[\w+\]( offset \w+)?\)/g, '')
        .replace(/\w+_over_time\(\(max by \([a-z, ]+\) \(hallkeeper_\w+\) > 0\)\[\w+:\w+\]\)/g, '');
      expect(bare).not.toContain('hallkeeper_');
    }
  });

  test('the look back is shorter than the wait, so that one lone sample fires nothing', () => {
    const seconds = (text: string): number => durationMs(text) / 1_000;
    for (const { alert, expr, for: wait } of rules) {
      const looks = [...expr.matchAll(/\[(\w+)\]/g)].map(([, range = '']) => range);
      if (alert !== 'HallkeeperWatchdog') expect(looks).not.toEqual([]);
      if (wait === undefined) continue;
      const short = looks.filter((range) => range !== memory);
      expect(short).not.toEqual([]);
      for (const range of short) expect([alert, seconds(range)]).toEqual([alert, expect.toSatisfy((each) => each < seconds(wait))]);
      // What is remembered longer fires nothing by itself: something of now must hold beside it, and nothing newer may be known.
      if (looks.includes(memory)) for (const now of [/(ALERTS\{|max_over_time\(up\[)/, /unless on \(hall/]) expect(expr).toMatch(now);
    }
  });

  test('each is proven to fire with labels that may exist, and proven not to fire', () => {
    for (const rule of rules) {
      const fired = labelSets(rule);
      expect(fired.length).toBeGreaterThan(0);
      for (const labels of fired) {
        expect(labels).toMatchObject(rule.labels);
        for (const refused of refusedLabels) expect(labels).not.toHaveProperty(refused);
        if (rule.labels['component'] !== 'alerting') expect(labels).toHaveProperty('hall');
      }
      const quiet = (expectations.get(rule.alert) ?? []).filter(({ exp_alerts }) => exp_alerts.length === 0);
      if (rule.expr !== 'vector(1)') expect(quiet.length).toBeGreaterThan(1);
    }
  });

  test('each tells one alert from another by bounded labels only: names from a Hall, a pair or its schedules, and an epoch', () => {
    const bounded = ['hall', 'pair', 'member', 'path', 'schedule', 'terminal', 'epoch'];
    for (const rule of rules) {
      const own = new Set([...Object.keys(rule.labels), 'alertname']);
      const others = labelSets(rule).flatMap((labels) => Object.keys(labels).filter((label) => !own.has(label)));
      expect([rule.alert, others.filter((label) => !bounded.includes(label))]).toEqual([rule.alert, []]);
    }
  });

  test('promtool tests stand for each rule file, and for no other', async () => {
    const names = (await readdir(new URL('promtool/', alertsFolder))).map((name) => name.replace('.test.yaml', ''));
    expect(names.toSorted()).toEqual(Object.keys(await alertRuleTexts()).toSorted());
  });
});

describe('runbooks', () => {
  test('every alert has a page, and every page an alert', async () => {
    const pages = (await readdir(runbooks)).toSorted();
    expect(pages).toEqual(rules.map(({ alert }) => `${alert.toLowerCase()}.md`).toSorted());
  });

  test('every page has its sections in order, and words and a command in them', async () => {
    for (const { alert } of rules) {
      const text = await readFile(new URL(`${alert.toLowerCase()}.md`, runbooks), 'utf8');
      const [title, ...parts] = text.split(/^## /m);
      expect(title).toMatch(new RegExp(`^# ${alert}\n`));
      expect(parts.map((part) => part.split('\n')[0])).toEqual(sections);
      for (const part of parts) expect(part.split('\n').slice(1).join('').trim().length).toBeGreaterThan(80);
      expect(parts[2]).toMatch(/^ *```(sh|promql)$/m);
    }
  });
});

describe('inhibitions', () => {
  const fits = (labels: Readonly<Record<string, string>>, matchers: readonly LabelMatcher[]): boolean =>
    matchers.every(({ label, operator, value }) => {
      const actual = labels[label] ?? '';
      const same = operator.endsWith('~') ? new RegExp(`^(?:${value})$`).test(actual) : actual === value;
      return operator.startsWith('!') ? !same : same;
    });

  test('source and target contradict each other on one label, so that no alert can fit both', () => {
    for (const { source, target } of inhibitions) {
      const contradiction = source.some((a) =>
        target.some(
          (b) =>
            a.label === b.label &&
            a.operator === '=' &&
            (b.operator === '=' ? a.value !== b.value : b.operator === '!=' && a.value === b.value),
        ),
      );
      expect(contradiction).toBe(true);
    }
  });

  test('every label that is compared exists on both sides, and both sides demand it', () => {
    for (const { source, target, equal } of inhibitions) {
      for (const side of [source, target]) {
        const alerts = rules.flatMap(labelSets).filter((labels) => fits(labels, side));
        expect(alerts.length).toBeGreaterThan(0);
        for (const labels of alerts) for (const label of equal) expect(labels[label]).toMatch(/./);
        for (const label of equal) expect(side).toContainEqual({ label, operator: '=~', value: '.+' });
      }
    }
  });

  test.each(['hall-unreachable-mutes-fleet', 'exporter-down-mutes-fleet'])('%s: exactly what comes through it', (rule) => {
    const found = inhibitions.find(({ name }) => name === rule);
    const muted = rules.filter((each) => labelSets(each).some((labels) => fits(labels, found?.target ?? [])));
    expect(muted.map(({ alert }) => alert)).toEqual(['HallkeeperTerminalOffline']);
  });

  test('what ends when an exporter ends goes on firing until that is told, so that its end is not', () => {
    const seconds = (text: string | undefined): number => durationMs(text ?? '0s') / 1_000;
    const source = rules.find(({ alert }) => alert === 'HallkeeperExporterDown');
    for (const { expr, keep_firing_for } of rules.filter(({ labels }) => labels['via'] === 'fleet')) {
      const looks = [...expr.matchAll(/\[(\w+)\]/g)].map(([, range]) => seconds(range));
      const toldAfter = 50 + seconds(source?.for) + groupWaitSeconds;
      expect(Math.min(...looks) + seconds(keep_firing_for)).toBeGreaterThan(toldAfter);
    }
  });

  test('a source waits less than its targets, so that it is there before them, and outlasts them', () => {
    const seconds = (text: string | undefined): number => durationMs(text ?? '0s') / 1_000;
    for (const { source, target } of inhibitions) {
      const of = (side: readonly LabelMatcher[]): readonly AlertRule[] =>
        rules.filter((rule) => labelSets(rule).some((labels) => fits(labels, side)));
      for (const from of of(source)) {
        for (const to of of(target)) expect(seconds(from.for)).toBeLessThan(seconds(to.for));
        expect(seconds(from.keep_firing_for)).toBeGreaterThan(0);
      }
    }
  });
});
