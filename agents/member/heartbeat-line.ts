import { Fields } from '#lib/base/fields.ts';
import { pairModes } from '#lib/pair/pair-record.ts';
import type { HeartbeatStanding } from '#lib/pair/member-facts.ts';
import type { Heartbeat } from '#lib/pair/member-state.ts';

/** A heartbeat as one line of JSON; WAL positions are decimal texts. */
export function formatHeartbeat(heartbeat: Heartbeat): string {
  const { flush, replay, acknowledged, committed } = heartbeat;
  const positions = { flush: String(flush), replay: String(replay), acknowledged: String(acknowledged), committed: String(committed) };
  return `${JSON.stringify({ ...heartbeat, ...positions })}\n`;
}

/** Reads a line of the peer. Undefined when it is anything else; fields that a newer peer adds are passed over. */
export function parseHeartbeat(line: string): Heartbeat | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(line);
  } catch {
    return undefined;
  }
  const problems: string[] = [];
  const field = new Fields(raw, '', problems);
  const position = { pattern: /^[0-9]{1,20}$/ } as const;
  const record = field.has('record') ? field.group('record') : undefined;
  const whole = { min: 0, max: Number.MAX_SAFE_INTEGER } as const;
  const heartbeat: Heartbeat = {
    from: field.text('from'),
    record:
      record === undefined
        ? undefined
        : {
            sequence: record.wholeNumber('sequence', whole),
            mode: record.oneOf('mode', pairModes),
            epoch: record.wholeNumber('epoch', whole),
            primary: record.optionalText('primary'),
          },
    postgres: field.oneOf('postgres', ['starting', 'running', 'dead', 'stopped']),
    role: field.oneOf('role', ['primary', 'standby']),
    data: field.oneOf('data', ['empty', 'incomplete', 'complete']),
    timeline: field.wholeNumber('timeline', { min: 0, max: 0xffff_ffff }),
    flush: BigInt(field.text('flush', { ...position, fallback: '0' })),
    replay: BigInt(field.text('replay', { ...position, fallback: '0' })),
    localCanaryAgeMs: field.wholeNumber('localCanaryAgeMs', whole),
    handingOver: field.flag('handingOver'),
    stopping: field.flag('stopping', { fallback: false }),
    leaving: field.optionalText('leaving'),
    letsGo: field.optionalText('letsGo'),
    acknowledged: BigInt(field.text('acknowledged', { ...position, fallback: '0' })),
    committed: BigInt(field.text('committed', { ...position, fallback: '0' })),
    healthy: field.flag('healthy'),
    standing: field.has('standing') ? readStanding(field.group('standing')) : undefined,
  };
  return problems.length === 0 ? heartbeat : undefined;
}

function readStanding(field: Fields): HeartbeatStanding {
  return {
    arbiterReached: field.flag('arbiterReached'),
    paused: field.flag('paused'),
    stuck: field.optionalText('stuck'),
    copying: field.flag('copying'),
    frozen: field.flag('frozen'),
  };
}
