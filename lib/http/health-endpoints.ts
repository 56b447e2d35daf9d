import type { ServerResponse } from 'node:http';
import { messageOf } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import type { Endpoint } from './http-server.ts';

/** One question about the program. Answers from what it knows: it waits for nobody. */
export interface HealthCheck {
  /** Lower-case letters, digits and hyphens; stands in the path. */
  readonly name: string;
  /** What is wrong, as a sentence; undefined when all is well. */
  problem(): string | undefined;
}

export interface HealthChecks {
  /** Wrong here means: restart the program. */
  readonly healthy: readonly HealthCheck[];
  /** Wrong here means: do not send work yet. */
  readonly ready: readonly HealthCheck[];
}

/**
 * `/-/healthy` and `/-/ready` with every check, and `/-/ready/NAME` with one: 200 when nothing is wrong, else 503. Text for people,
 * JSON for those who accept it.
 */
export function healthEndpoints(checks: HealthChecks, log: Logger): readonly Endpoint[] {
  const answer = answerer(log);
  return (['healthy', 'ready'] as const).flatMap((group) => {
    const path = `/-/${group}`;
    const all: Endpoint = { path, handle: (request, response) => answer(response, checks[group], request.headers.accept) };
    const one: Endpoint = {
      path: `${path}/*`,
      handle: (request, response) => {
        const name = (request.url ?? '').split('?', 1)[0]?.slice(path.length + 1) ?? '';
        const found = checks[group].filter((check) => check.name === name);
        if (found.length > 0) return answer(response, found, request.headers.accept);
        const names = checks[group].map((check) => check.name).join(', ');
        response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' });
        response.end(`no such check; there are: ${names}\n`);
      },
    };
    return [all, one];
  });
}

type Answer = (response: ServerResponse, checks: readonly HealthCheck[], accept: string | undefined) => void;

function answerer(log: Logger): Answer {
  /** What each check failed with last, so that a lasting failure is one line and not one per probe. As many entries as checks. */
  const told = new Map<HealthCheck, string>();
  /** A check that fails to answer is a problem too, not an end of the server. */
  const ask = (check: HealthCheck): string | undefined => {
    try {
      const problem = check.problem();
      told.delete(check);
      return problem;
    } catch (error) {
      const message = messageOf(error);
      if (told.get(check) !== message) log.error({ check: check.name, error: message }, 'a health check failed to answer');
      told.set(check, message);
      return 'the check itself failed';
    }
  };
  return (response, checks, accept) => {
    const results = checks.map((check) => ({ name: check.name, problem: ask(check) }));
    writeAnswer(response, results, accept);
  };
}

interface CheckResult {
  readonly name: string;
  readonly problem: string | undefined;
}

function writeAnswer(response: ServerResponse, results: readonly CheckResult[], accept: string | undefined): void {
  const ok = results.every(({ problem }) => problem === undefined);
  const json = /(^|[,\s])application\/json\b/i.test(accept ?? '');
  response.setHeader('Vary', 'Accept');
  response.writeHead(ok ? 200 : 503, { 'Content-Type': json ? 'application/json' : 'text/plain; charset=utf-8' });
  if (json) {
    response.end(`${JSON.stringify({ ok, checks: results.map(({ name, problem }) => ({ name, ok: problem === undefined, problem })) })}\n`);
    return;
  }
  const lines = results.map(({ name, problem }) => (problem === undefined ? `[+] ${name}` : `[-] ${name}: ${problem}`));
  response.end(`${[...lines, ok ? 'ok' : 'not ok'].join('\n')}\n`);
}
