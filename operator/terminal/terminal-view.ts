import type { Hall } from '#lib/api/hall.gen.ts';
import type { Terminal } from '#lib/api/terminal.gen.ts';
import type { TerminalSight } from '../hall/fleet-picture.ts';

/** Everything a decision about a Terminal's status may know. */
export interface TerminalView {
  readonly terminal: Terminal;
  /** Absent: there is none of this name. */
  readonly hall: Hall | undefined;
  /** The certificate that stands in the Secret; absent: there is none. */
  readonly certificate: { readonly secret: string; readonly notAfterMs: number } | undefined;
  /** Nobody can say now whether the terminal is served: what it was given and told stands. */
  readonly undecided: boolean;
  /** What is wrong with the Secret. */
  readonly secretProblem: string | undefined;
  /** What the feed says; absent while the hall is unreachable or does not know the terminal: its state stays as it is. */
  readonly sight: TerminalSight | undefined;
  readonly nowWallMs: number;
}
