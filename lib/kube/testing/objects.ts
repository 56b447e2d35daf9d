import type { KubeObject, ObjectMeta } from '../objects.ts';

/** An object as a server would hold it; takes only what matters to a test. */
export interface Thing extends KubeObject {
  readonly spec?: { readonly text?: string; readonly ref?: string };
}

export function aThing(name: string, change: Partial<ObjectMeta> & { readonly spec?: Thing['spec'] } = {}): Thing {
  const { spec, ...metadata } = change;
  const complete = { namespace: 'hall', uid: `uid-${name}`, resourceVersion: '1', ...metadata, name };
  return { apiVersion: 'test/v1', kind: 'Thing', metadata: complete, ...(spec === undefined ? {} : { spec }) };
}
