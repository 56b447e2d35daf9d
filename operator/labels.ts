import type { KubeObject } from '#lib/kube/objects.ts';

/** Every object that the operator makes bears this label; only such Secrets, Roles and the like are followed. */
export const managedByLabel = 'app.kubernetes.io/managed-by';
export const managedBy = 'hallkeeper';
export const managedSelector = `${managedByLabel}=${managedBy}`;

/** UID of the Hall or FailoverPair that an object was made for. It tells ours from what only bears the same name. */
export const ownerUidLabel = 'hallkeeper.dev/owner-uid';
export const pairLabel = 'hallkeeper.dev/pair';
export const hallLabel = 'hallkeeper.dev/hall';
/** On what was made for one terminal, beside the label of its hall. */
export const terminalLabel = 'hallkeeper.dev/terminal';
/** On PairOperations that a DrillSchedule asked for: its name. */
export const drillLabel = 'hallkeeper.dev/drill-schedule';
/** On claims in the operator's namespace: what is claimed. */
export const claimLabel = 'hallkeeper.dev/claim';

/** Labels of what is made for a pair or a hall. */
export function ownedLabels(label: typeof pairLabel | typeof hallLabel, owner: KubeObject): Readonly<Record<string, string>> {
  return { [managedByLabel]: managedBy, [label]: owner.metadata.name, [ownerUidLabel]: owner.metadata.uid ?? '' };
}

/** The object if it was made for this owner, undefined when it was made for another one, or for an earlier one of the same name. */
export function madeFor<T extends KubeObject>(owner: KubeObject, object: T | undefined): T | undefined {
  const { uid } = owner.metadata;
  return uid !== undefined && object?.metadata.labels?.[ownerUidLabel] === uid ? object : undefined;
}

/** Whether `object` was made for the same owner as `desired`. */
export function hasSameOwner(object: KubeObject, desired: KubeObject): boolean {
  const uid = desired.metadata.labels?.[ownerUidLabel];
  return uid !== undefined && object.metadata.labels?.[managedByLabel] === managedBy && object.metadata.labels[ownerUidLabel] === uid;
}
