import { generate as generateApi } from './api.ts';
import { generate as generateBoards } from './dashboards.ts';
import { generate as generateErrorsDoc } from './errors-doc.ts';
import { generate as generateMetricsDoc } from './metrics-doc.ts';
import { generate as generateConditionsDoc } from './conditions-doc.ts';
import { generate as generateLink } from './proto.ts';

/** Path from the root, with slashes → whole content. */
export type GeneratedFiles = ReadonlyMap<string, string>;

/** Makes files from a source that people edit. Same source, same content, on every machine. */
export interface Generator {
  /** What it makes and from what, for messages. */
  readonly name: string;
  readonly generate: () => Promise<GeneratedFiles>;
  /** Which files of the checkout it made: one of them that it makes no longer is stale. */
  readonly owns: (path: string) => boolean;
}

/** The one list of what is generated; `npm run generate` writes it and `npm run check` compares. */
export const generators: readonly Generator[] = [
  {
    name: 'types of lib/api and docs/api.md from crds/',
    generate: generateApi,
    owns: (path) => /^lib\/api\/[^/]+\.gen\.ts$|^docs\/api\.md$/.test(path),
  },
  {
    name: 'gRPC code of lib/link and lib/etcd from proto/',
    generate: generateLink,
    owns: (path) => /^lib\/(link|etcd)\/gen\//.test(path),
  },
  { name: 'boards of grafana-dashboards/', generate: generateBoards, owns: (path) => /^grafana-dashboards\/[^/]+\.json$/.test(path) },
  { name: 'docs/metrics.md from the family tables', generate: generateMetricsDoc, owns: (path) => path === 'docs/metrics.md' },
  { name: 'docs/errors.md from the error catalogues', generate: generateErrorsDoc, owns: (path) => path === 'docs/errors.md' },
  { name: "docs/conditions.md from the operator's tables", generate: generateConditionsDoc, owns: (path) => path === 'docs/conditions.md' },
];
