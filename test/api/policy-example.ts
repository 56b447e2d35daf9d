import type { Answer, Asking } from './api-server.ts';

/** One rule of a policy: who may do what, and who may not. Nothing is carried out. */
export interface PolicyExample {
  readonly policy: string;
  /** How the rule's message begins. */
  readonly rule: string;
  readonly behaviour: string;
  readonly accepted: (asking: Asking) => Promise<Answer>;
  readonly acceptedFor: readonly string[];
  readonly refused: (asking: Asking) => Promise<Answer>;
  readonly refusedFor: readonly string[];
  /** What the server must say where the message is computed. */
  readonly says?: string;
}
