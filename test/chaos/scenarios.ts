import type { Scenario } from './scenario.ts';
import { cutPrimary } from './scenarios/cut-primary.ts';
import { killPostmaster } from './scenarios/kill-postmaster.ts';

/** Every scenario, in the order in which they run and are reported. */
export const scenarios: readonly Scenario[] = [killPostmaster, cutPrimary];
