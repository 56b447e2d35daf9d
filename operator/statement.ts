/** Condition types of a kind and their reasons, each with what it means. */
export type ConditionTable = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** One condition of such a table as it is decided: the time of transition is not its business. */
export type StatementOf<Table extends ConditionTable> = {
  [Type in keyof Table & string]: {
    readonly type: Type;
    readonly status: 'True' | 'False' | 'Unknown';
    readonly reason: keyof Table[Type] & string;
    readonly message: string;
  };
}[keyof Table & string];
