/** Names in demo/manifests. */
export const namespace = 'hall-7';
export const hallName = 'hall-7';
export const pairName = 'pair-7';
export const memberNames = ['a', 'b'] as const;
export type MemberName = (typeof memberNames)[number];
export const terminalCount = 40;

/** The database of the pair that the writer fills, and its owner, whose name its client certificate bears. */
export const database = { name: 'app', owner: 'app' } as const;

export const operatorNamespace = 'hallkeeper-system';
export const operatorAccount = 'hallkeeper-operator';

export function terminalNames(): readonly string[] {
  return Array.from({ length: terminalCount }, (_, index) => `t-${String(index + 1).padStart(3, '0')}`);
}

export function otherMember(name: MemberName): MemberName {
  return name === 'a' ? 'b' : 'a';
}
