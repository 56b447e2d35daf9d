import type { DnsFault } from '../../cluster/faulty-dns.ts';
import type { Scenario } from '../scenario.ts';

const slowMs = 5_000;

/**
 * The first of two listed servers is at fault from before the primary dies until after the name has moved: the second one must not wait
 * for it. When it is well again it is given the record too.
 */
function faultyDns(name: string, about: string, fault: DnsFault): Scenario {
  return {
    name,
    group: 'network',
    about: `${about} when the primary is killed: the name moves at the other server all the same.`,
    changes: 1,
    act: async (stage) => {
      const { pair, stand, primary, standby } = stage;
      const { faultyDns: server } = stand;
      if (server === undefined) throw new Error('the pair has no DNS server that can misbehave');
      stage.undo(() => server.set({ is: 'none' }));
      await server.set(fault);
      await stage.primaryFails(() => primary.member.killPostgres());
      await stage.takenOver();
      await pair.nameWatch.pointsTo(standby.member.address);
      await stage.acknowledged();
      const { phasesMs } = await stage.takeover();
      const routeMs = phasesMs.route ?? Number.POSITIVE_INFINITY;
      if (routeMs >= slowMs) throw new Error(`the name moved only after ${routeMs} ms: it was waited for the faulty server`);
      await server.set({ is: 'none' });
      await stage.until('both servers hold the record', async () => {
        const { dns } = await stage.status(standby);
        return dns.length === 2 && dns.every(({ ok }) => ok);
      });
    },
  };
}

export const silentDns = faultyDns('silent-dns', 'The first DNS server takes every request and never answers', { is: 'silent' });
export const slowDns = faultyDns('slow-dns', 'The first DNS server answers after five seconds', { is: 'slow', delayMs: slowMs });
export const refusingDns = faultyDns('refusing-dns', 'The first DNS server is down', { is: 'refusing' });
export const formerrDns = faultyDns('formerr-dns', 'The first DNS server answers everything with FORMERR', { is: 'formerr' });
