import { boardFiles } from '../../grafana-dashboards/boards.ts';

/** The boards under `grafana-dashboards/`, made from their plans: path below the repository's root → content. */
export async function generate(): Promise<ReadonlyMap<string, string>> {
  return Promise.resolve(boardFiles());
}
