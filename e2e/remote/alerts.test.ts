/** Every alert of the chart, tried by promtool on series of which it fires, and on others. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { stringify } from 'yaml';
import { prometheus } from '../harness/cache.ts';
import { outcome } from '../harness/processes.ts';
import { alertCases, type AlertCase } from '../monitoring/alert-cases.ts';
import { alertRules, alertsFile } from '../monitoring/chart-files.ts';

const rules = alertRules();

/** What is fed, and at which minutes the alert is to fire with which labels. */
function unitTest(name: string, of: AlertCase, kind: 'fires' | 'quiet'): object {
  const severity = rules.find(({ alert }) => alert === of.alert)?.labels.severity ?? '';
  const fired = { ...of.labels, alertname: of.alert, alertstate: 'firing', severity };
  const labels = Object.entries(fired).map(([label, value]) => `${label}="${value}"`);
  const samples = [{ labels: `ALERTS{${labels.join(',')}}`, value: 1 }];
  const expr = `ALERTS{alertname="${of.alert}",alertstate="firing"}`;
  const times = kind === 'fires' ? [of.notBefore, of.at] : Array.from({ length: 40 }, (_, minute) => minute);
  return {
    name,
    interval: '1m',
    input_series: Object.entries(of[kind]).map(([series, values]) => ({ series, values })),
    promql_expr_test: times.map((minute) => ({
      expr,
      eval_time: `${minute}m`,
      exp_samples: kind === 'fires' && minute === of.at ? samples : [],
    })),
  };
}

describe('charts/farlet/files/alerts.yaml', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(`${tmpdir()}/farlet-alerts-`);
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('is what promtool takes, with nothing to say against it', async () => {
    const { code, stdout, stderr } = await outcome([
      prometheus('promtool'),
      ...['check', 'rules', '--lint=all', '--lint-fatal', alertsFile],
    ]);
    assert.equal(code, 0, stdout + stderr);
  });

  it('has a case for each alert', () => {
    assert.deepEqual(
      alertCases.map(({ alert }) => alert),
      rules.map(({ alert }) => alert),
    );
  });

  for (const of of alertCases)
    it(`${of.alert} fires when it is time, and not on the nearest that is well`, async () => {
      const tests = (['fires', 'quiet'] as const).map((kind) => unitTest(`${of.alert} ${kind}`, of, kind));
      const path = `${folder}/${of.alert}.yaml`;
      writeFileSync(path, stringify({ rule_files: [resolve(alertsFile)], evaluation_interval: '1m', tests }));
      const { code, stdout, stderr } = await outcome([prometheus('promtool'), 'test', 'rules', path]);
      assert.equal(code, 0, `${stdout}\n${stderr}`);
    });
});
