import type { Logger } from '#lib/base/log.ts';
import { statusError, transportError } from './errors.ts';
import type { RequestLabel } from './errors.ts';
import { LineSplitter } from './lines.ts';
import type { KubeObject, WatchEvent } from './objects.ts';
import { failureOf, parseJson } from './request.ts';

/** One event is one object on one line. etcd takes 1.5 MB, and JSON with its escapes is a few times that. */
const lineCharsMax = 16 * 1024 * 1024;

export interface EventsPorts {
  readonly label: RequestLabel;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * The events of a watch stream, until it ends. A stream that stops inside a line simply ends: the half event is lost
 * with nothing, because the next watch continues after the last whole one.
 *
 * @throws KubeError  of an ERROR event (410 is HK_KUBE_EXPIRED), of a broken connection, of a line that is no event.
 */
export async function* readEvents(
  body: AsyncIterable<Buffer>,
  { label, log, signal }: EventsPorts,
): AsyncGenerator<WatchEvent<KubeObject>, void> {
  const lines = new LineSplitter(lineCharsMax);
  const strange = new Set<string>();
  try {
    for await (const chunk of body) {
      for (const line of lines.push(chunk)) {
        const event = parseEvent(line, label);
        if (event.type === 'ERROR') throw statusError(label, 500, event.object);
        if (isKnown(event)) {
          yield event;
        } else if (strange.size < strangeMax && !strange.has(event.type)) {
          strange.add(event.type);
          log.warn({ resource: label.resource, type: event.type.slice(0, 40) }, 'unknown kind of watch event is ignored');
        }
      }
    }
  } catch (error) {
    throw failureOf(error, label, signal);
  }
}

const strangeMax = 10;

interface RawEvent {
  readonly type: string;
  readonly object: KubeObject;
}

function isKnown(event: RawEvent): event is WatchEvent<KubeObject> {
  return event.type === 'ADDED' || event.type === 'MODIFIED' || event.type === 'DELETED' || event.type === 'BOOKMARK';
}

function parseEvent(line: string, label: RequestLabel): RawEvent {
  const event = parseJson(line) as Partial<RawEvent> | undefined;
  if (typeof event?.type !== 'string' || typeof event.object !== 'object' || event.object === null) {
    throw transportError('HK_KUBE_GARBLED', label, `a line of ${line.length} characters is no event`);
  }
  return { type: event.type, object: event.object };
}
