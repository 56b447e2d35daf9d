import { readFile, readdir } from 'node:fs/promises';
import { load } from 'js-yaml';

/** An alerting rule as Prometheus reads it. */
export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly keep_firing_for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface RuleFile {
  readonly groups: readonly { readonly name: string; readonly rules: readonly AlertRule[] }[];
}

/** Where the rule files stand. */
export const alertsFolder = new URL('./', import.meta.url);

/** The text of every rule file by its name without ending, as a Prometheus or a PrometheusRule takes it. */
export async function alertRuleTexts(): Promise<Readonly<Record<string, string>>> {
  const names = (await readdir(alertsFolder)).filter((name) => name.endsWith('.yaml')).toSorted();
  const texts = await Promise.all(names.map((name) => readFile(new URL(name, alertsFolder), 'utf8')));
  return Object.fromEntries(names.map((name, index) => [name.slice(0, -'.yaml'.length), texts[index] ?? '']));
}

/** Every alert of every rule file, in the order of the files. */
export async function alertRules(): Promise<readonly AlertRule[]> {
  const files = Object.values(await alertRuleTexts()).map((text) => load(text) as RuleFile);
  return files.flatMap(({ groups }) => groups.flatMap(({ rules }) => rules));
}
