/** The alerts and the dashboard of charts/farlet, as they lie there. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

const folder = `${import.meta.dirname}/../../charts/farlet/files`;
export const alertsFile = `${folder}/alerts.yaml`;

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: {
    readonly summary: string;
    readonly description: string;
    readonly runbook_url: string;
  };
}

export function alertRules(): AlertRule[] {
  const { groups } = parse(readFileSync(alertsFile, 'utf8')) as {
    readonly groups: readonly { readonly rules: readonly AlertRule[] }[];
  };
  return groups.flatMap(({ rules }) => rules);
}

export interface Panel {
  readonly title: string;
  /** Grafana's word, as bytes or s */
  readonly unit: string;
  readonly kind: string;
  readonly queries: readonly string[];
  /** how series are named, by their labels: a template for each query */
  readonly legends: readonly string[];
}

/** Those that show something, in their order. */
export function panelsOf(): Panel[] {
  const { panels } = JSON.parse(readFileSync(`${folder}/dashboard.json`, 'utf8')) as {
    readonly panels: readonly {
      readonly type: string;
      readonly title: string;
      readonly fieldConfig?: { readonly defaults: { readonly unit: string } };
      readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
    }[];
  };
  return panels.flatMap(({ type, title, fieldConfig, targets = [] }) =>
    type === 'row'
      ? []
      : [
          {
            title,
            kind: type,
            unit: fieldConfig?.defaults.unit ?? 'short',
            queries: targets.map(({ expr }) => expr),
            legends: targets.map(({ legendFormat }) => legendFormat),
          },
        ],
  );
}
