/** What is shipped for Prometheus and Grafana, judged by Prometheus' own tool. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { dump } from 'js-yaml';
import { must } from '../../deploy/lab/commands.ts';
import { ensurePrometheus } from '../../deploy/lab/prometheus.ts';
import { DEPLOY, kustomized, one, podOf, type KubeObject } from './rendered.ts';

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[];
}

describe('deploy/monitoring', () => {
  const folder = mkdtempSync(join(tmpdir(), 'podwire-rules-'));
  let objects: KubeObject[] = [];
  let promtool = '';
  before(async () => {
    objects = await kustomized('monitoring');
    ({ promtool } = await ensurePrometheus());
    writeFileSync(join(folder, 'rules.yaml'), dump(one(objects, 'PrometheusRule', 'podwire').spec));
    copyFileSync(join(import.meta.dirname, 'alerts.yaml'), join(folder, 'alerts.yaml'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('has rules that Prometheus takes', async () => {
    assert.match(await must(promtool, ['check', 'rules', '--lint-fatal', join(folder, 'rules.yaml')]), /rules found/);
  });

  it('has alerts that fire for what each is about, and are quiet in a quiet hour', async () => {
    await must(promtool, ['test', 'rules', join(folder, 'alerts.yaml')]);
  });

  it('shows both of each alert', () => {
    const { groups } = one(objects, 'PrometheusRule', 'podwire').spec as unknown as Rules;
    const tests = readFileSync(join(import.meta.dirname, 'alerts.yaml'), 'utf8');
    for (const { alert } of groups.flatMap(({ rules }) => rules)) {
      assert.match(tests, new RegExp(`alertname: ${alert}, eval_time: \\w+ }`), `${alert} is quiet`);
      assert.match(
        tests,
        new RegExp(`alertname: ${alert}\\n +eval_time: \\w+\\n +exp_alerts:\\n +- `),
        `${alert} fires`,
      );
    }
  });

  it('finds every part by its pods, on ports that they have', async () => {
    const { selector, podMetricsEndpoints } = one(objects, 'PodMonitor', 'podwire').spec as unknown as {
      selector: { matchLabels: Record<string, string> };
      podMetricsEndpoints: { port: string }[];
    };
    assert.deepEqual(selector.matchLabels, { 'app.kubernetes.io/part-of': 'podwire' });
    const ports = podMetricsEndpoints.map(({ port }) => port);
    const parts = [...(await kustomized('overlays/ksr')), ...(await kustomized('overlays/evaluation'))];
    for (const name of ['watcher', 'orchestrator', 'node', 'ksr', 'etcd']) {
      const workload = parts.find(
        (each) => each.metadata.name === `podwire-${name}` && each.spec?.template !== undefined,
      );
      assert.ok(workload !== undefined, name);
      const named = podOf(workload).containers[0].ports?.map((port) => port.name) ?? [];
      assert.equal(named.filter((port) => ports.includes(port)).length, 1, `${name}: ${named.join()}`);
    }
  });

  it("brings the dashboard as a ConfigMap that Grafana's sidecar looks for", () => {
    const map = one(objects, 'ConfigMap', 'podwire-dashboard') as unknown as {
      metadata: { labels: Record<string, string> };
      data: Record<string, string>;
    };
    assert.equal(map.metadata.labels['grafana_dashboard'], '1');
    assert.equal(map.data['podwire.json'], readFileSync(join(DEPLOY, 'monitoring/podwire.json'), 'utf8'));
  });
});
