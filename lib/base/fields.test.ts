import { describe, expect, test } from 'vitest';
import { Fields, readFields } from './fields.ts';

describe('settings', () => {
  test('every problem is named in one error, unknown fields and nested ones included', () => {
    const field = readFields({ period: '5x', port: 0, extra: 1, tls: { mode: 'maybe', other: true } });
    field.durationMs('period', { min: 1, max: 1_000 });
    field.wholeNumber('port', { min: 1, max: 65_535 });
    field.text('name');
    field.group('tls').oneOf('mode', ['off', 'on']);
    expect(field.problems()).toEqual([
      'period must be a duration such as 5s, from 1 ms to 1000 ms, found "5x"',
      'port must be a whole number from 1 to 65535, found 0',
      'name is required',
      'tls.mode must be one of off, on, found "maybe"',
      'extra is not a known setting',
      'tls.other is not a known setting',
    ]);
    expect(() => field.refuseProblems()).toThrow(expect.objectContaining({ code: 'HK_OPTIONS_INVALID' }));
  });

  test('unknown fields may be let pass, wrong ones may not', () => {
    const field = readFields({ period: '5x', extra: 1, tls: { other: true } });
    field.group('tls');
    expect(() => field.refuseProblems({ unknownFields: 'pass' })).not.toThrow();
    field.durationMs('period', { min: 1, max: 1_000 });
    expect(() => field.refuseProblems({ unknownFields: 'pass' })).toThrow(/^the settings are refused: period must be [^;]*$/);
  });

  test('a fallback is used only for an absent field', () => {
    const field = new Fields({ retries: null });
    expect(field.wholeNumber('retries', { min: 0, max: 9, fallback: 3 })).toBe(3);
    expect(field.durationMs('wait', { min: 0, max: 9_000, fallback: 200 })).toBe(200);
    expect(field.problems()).toEqual([]);
  });

  test('a problem never quotes a secret', () => {
    const field = new Fields({ token: 12_345_678 });
    expect(String(field.secret('token'))).toBe('[hidden]');
    expect(field.problems().join()).not.toContain('12345678');
  });

  test('a text where a mapping should be is not quoted: it may be a password without its space', () => {
    expect(new Fields('password:hunter2').problems()).toEqual(['the settings must be a mapping, found a text']);
  });

  test('lists are bounded and their entries are numbered in problems', () => {
    const field = new Fields({ members: [{ name: 'a' }, {}], tags: ['x', ''] });
    expect(field.list('members', (entry) => entry.text('name'), { min: 2, max: 2 })).toEqual(['a', '']);
    expect(field.texts('tags', { max: 1 })).toEqual(['x']);
    expect(field.problems()).toEqual(['members[1].name is required', 'tags must have 0 to 1 entries']);
  });
});
