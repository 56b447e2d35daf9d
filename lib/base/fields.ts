import { parseDurationMs } from './duration.ts';
import { defineErrors, HallkeeperError } from './errors.ts';
import { Secret } from './secret.ts';

const refused = { retry: 'never', says: 'the settings are refused' } as const;

export const optionErrors = defineErrors({ HK_OPTIONS_INVALID: refused });

/** HK_OPTIONS_INVALID with its problems one by one, for whoever shows them as a list. */
export class SettingsRefused extends HallkeeperError {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super('HK_OPTIONS_INVALID', refused, problems.join('; '));
    this.problems = problems;
  }
}

interface Optional<T> {
  readonly fallback: T;
}

interface Range {
  readonly min: number;
  readonly max: number;
}

/**
 * Reads raw settings field by field and collects every problem, so that one error names them all.
 * Every getter answers with a usable value even after a problem; `refuseProblems` must be called before the result is used.
 * Fields that nobody asked for are problems too, unless the reader lets them pass.
 */
export class Fields {
  readonly #raw: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #problems: string[];
  readonly #asked = new Set<string>();
  readonly #children: Fields[] = [];

  constructor(raw: unknown, path = '', problems: string[] = []) {
    this.#path = path;
    this.#problems = problems;
    const isObject = typeof raw === 'object' && raw !== null && !Array.isArray(raw);
    if (!isObject) problems.push(`${path === '' ? 'the settings' : path} must be a mapping, found ${shapeOf(raw)}`);
    this.#raw = isObject ? (raw as Record<string, unknown>) : {};
  }

  /** Whether the field is present and not null. */
  has(name: string): boolean {
    return this.#raw[name] !== undefined && this.#raw[name] !== null;
  }

  text(name: string, options?: Partial<Optional<string>> & { readonly pattern?: RegExp; readonly shape?: string }): string {
    const value = this.#take(name, options);
    if (value === undefined) return options?.fallback ?? '';
    if (typeof value !== 'string' || value === '')
      return this.#bad(name, 'must be a text that is not empty', value, options?.fallback ?? '');
    if (options?.pattern !== undefined && !options.pattern.test(value)) {
      return this.#bad(name, `must be ${options.shape ?? `like ${String(options.pattern)}`}`, value, options.fallback ?? '');
    }
    return value;
  }

  /** As `text`, but undefined when absent. */
  optionalText(name: string, options?: { readonly pattern?: RegExp; readonly shape?: string }): string | undefined {
    this.#asked.add(name);
    return this.has(name) ? this.text(name, options) : undefined;
  }

  /** A text that problems never quote. */
  secret(name: string): Secret {
    const value = this.#take(name);
    if (value !== undefined && (typeof value !== 'string' || value === '')) this.problem(name, 'must be a text that is not empty');
    return new Secret(typeof value === 'string' ? value : '');
  }

  wholeNumber(name: string, options: Range & Partial<Optional<number>>): number {
    const value = this.#take(name, options);
    if (value === undefined) return options.fallback ?? options.min;
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < options.min || value > options.max) {
      return this.#bad(name, `must be a whole number from ${options.min} to ${options.max}`, value, options.fallback ?? options.min);
    }
    return value;
  }

  /** A duration such as `1m30s`, in milliseconds. */
  durationMs(name: string, options: Range & Partial<Optional<number>>): number {
    const value = this.#take(name, options);
    if (value === undefined) return options.fallback ?? options.min;
    const ms = typeof value === 'string' ? parseDurationMs(value) : undefined;
    if (ms === undefined || ms < options.min || ms > options.max) {
      return this.#bad(
        name,
        `must be a duration such as 5s, from ${options.min} ms to ${options.max} ms`,
        value,
        options.fallback ?? options.min,
      );
    }
    return ms;
  }

  flag(name: string, options?: Partial<Optional<boolean>>): boolean {
    const value = this.#take(name, options);
    if (value === undefined) return options?.fallback ?? false;
    return typeof value === 'boolean' ? value : this.#bad(name, 'must be true or false', value, options?.fallback ?? false);
  }

  oneOf<T extends string>(name: string, values: readonly [T, ...T[]], options?: Partial<Optional<T>>): T {
    const value = this.#take(name, options);
    const fallback = options?.fallback ?? values[0];
    if (value === undefined) return fallback;
    const found = values.find((candidate) => candidate === value);
    return found ?? this.#bad(name, `must be one of ${values.join(', ')}`, value, fallback);
  }

  /** A sub-mapping. Its problems and unknown fields join ours. Absent reads as empty when `optional`. */
  group(name: string, options?: { readonly optional: boolean }): Fields {
    const value = this.#take(name, options?.optional === true ? { fallback: {} } : undefined) ?? {};
    const child = new Fields(value, this.#join(name), this.#problems);
    this.#children.push(child);
    return child;
  }

  /** A list, each entry read by `read`. At most `max` entries. */
  list<T>(name: string, read: (entry: Fields) => T, options: { readonly min?: number; readonly max: number }): readonly T[] {
    const raw = this.#rawList(name, options);
    return raw.map((entry, index) => {
      const child = new Fields(entry, `${this.#join(name)}[${index}]`, this.#problems);
      this.#children.push(child);
      return read(child);
    });
  }

  texts(
    name: string,
    options: { readonly min?: number; readonly max: number; readonly pattern?: RegExp; readonly shape?: string },
  ): readonly string[] {
    return this.#rawList(name, options).flatMap((entry, index) => {
      if (typeof entry === 'string' && entry !== '' && (options.pattern?.test(entry) ?? true)) return [entry];
      this.problem(`${name}[${index}]`, `must be ${options.shape ?? 'a text that is not empty'}`);
      return [];
    });
  }

  /** A mapping of texts to texts. */
  textMap(name: string, options: { readonly max: number }): Readonly<Record<string, string>> {
    const value = this.#take(name, { fallback: {} }) ?? {};
    if (typeof value !== 'object' || Array.isArray(value)) return this.#bad(name, 'must be a mapping', value, {});
    const entries = Object.entries(value as Record<string, unknown>);
    if (entries.length > options.max) this.problem(name, `must have at most ${options.max} entries`);
    for (const [key, entry] of entries) if (typeof entry !== 'string') this.problem(`${name}.${key}`, 'must be a text');
    return Object.fromEntries(entries.filter((pair): pair is [string, string] => typeof pair[1] === 'string'));
  }

  /** Adds a problem that only the caller can see, such as two settings that contradict each other. */
  problem(name: string, text: string): void {
    this.#problems.push(`${this.#join(name)} ${text}`);
  }

  /** Every problem found so far, unknown fields included. */
  problems(): readonly string[] {
    return [...this.#problems, ...this.#unknown()];
  }

  /**
   * @param unknownFields  `pass`: for what another program says, which may be newer than this one. Settings refuse them: they are typed.
   * @throws HK_OPTIONS_INVALID  when there is any problem; its message lists them all.
   */
  refuseProblems({ unknownFields = 'refuse' }: { readonly unknownFields?: 'refuse' | 'pass' } = {}): void {
    const problems = unknownFields === 'pass' ? this.#problems : this.problems();
    if (problems.length > 0) throw new SettingsRefused(problems);
  }

  #unknown(): string[] {
    const own = Object.keys(this.#raw)
      .filter((name) => !this.#asked.has(name))
      .map((name) => `${this.#join(name)} is not a known setting`);
    return [...own, ...this.#children.flatMap((child) => child.#unknown())];
  }

  #rawList(name: string, options: { readonly min?: number; readonly max: number }): readonly unknown[] {
    const min = options.min ?? 0;
    const value = this.#take(name, min === 0 ? { fallback: [] } : undefined) ?? [];
    if (!Array.isArray(value)) return this.#bad(name, 'must be a list', value, []);
    if (value.length < min || value.length > options.max) this.problem(name, `must have ${min} to ${options.max} entries`);
    return value.slice(0, options.max) as readonly unknown[];
  }

  #take(name: string, options?: { readonly fallback?: unknown }): unknown {
    this.#asked.add(name);
    const value = this.#raw[name];
    if (value !== undefined && value !== null) return value;
    if (options?.fallback === undefined) this.problem(name, 'is required');
    return undefined;
  }

  #bad<T>(name: string, rule: string, value: unknown, instead: T): T {
    this.problem(name, `${rule}, found ${kindOf(value)}`);
    return instead;
  }

  #join(name: string): string {
    return this.#path === '' ? name : `${this.#path}.${name}`;
  }
}

export function readFields(raw: unknown): Fields {
  return new Fields(raw);
}

/** What stands where a mapping should: `password:x` without its space is a text, and is not quoted. */
function shapeOf(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'a mapping' : `a ${typeof value === 'string' ? 'text' : typeof value}`;
}

/** A short, harmless picture of a value: numbers and short texts as they are, anything larger by its kind. */
function kindOf(value: unknown): string {
  if (typeof value === 'object' || value === undefined) return shapeOf(value);
  const text = typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? typeof value);
  return text.length <= 60 ? text : `a ${typeof value} of ${text.length} characters`;
}
