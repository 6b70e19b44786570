/** A real Prometheus that scrapes podwire in the lab: what the dashboard asks for has data, and a stuck pod raises its alert. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { dump, load } from 'js-yaml';
import { findProgram } from '../../deploy/lab/commands.ts';
import { inNetns, startPart, stopPart } from '../../deploy/lab/lab.ts';
import { ensurePrometheus } from '../../deploy/lab/prometheus.ts';
import { labTest, waitFor } from '../lab/harness.ts';

const MONITORING = join(import.meta.dirname, '../../deploy/monitoring');
/** Of Prometheus, in the control namespace. */
const PORT = 9990;
/** On a node's address, for its worker, which in this mode serves its own loopback interface only. */
const FORWARDED = 9467;
const LIMIT = { limitMs: 30_000, everyMs: 500 };

/** Panels of what did not happen here. */
const MAY_BE_EMPTY = new Set([
  'Refused, by reason',
  "Nodes that have not followed a network's members: for how long",
  'Detach on the node, by kind (p50, p95)',
]);

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data?: {
    readonly result: readonly { readonly metric: Record<string, string>; readonly value: [number, string] }[];
  };
}

describe('monitoring', () => {
  const t = labTest('monitored');
  const forwarders: string[] = [];
  const folder = (): string => join(t.lab.dir, 'prometheus');

  before(async () => {
    const { prometheus } = await ensurePrometheus();
    for (const { name, netnsPath, address } of t.lab.nodes) {
      const part = `metrics-of-${name}`;
      forwarders.push(part);
      await startPart(t.lab, {
        ...{ name: part, netnsPath, file: findProgram('socat') ?? '/usr/bin/socat', env: {} },
        args: [`TCP4-LISTEN:${FORWARDED},bind=${address},fork,reuseaddr`, 'TCP4:127.0.0.1:9466'],
      });
    }
    rmSync(folder(), { recursive: true, force: true });
    mkdirSync(folder(), { recursive: true });
    writeFileSync(join(folder(), 'prometheus.yaml'), dump(configuration()));
    const rules = load(readFileSync(join(MONITORING, 'rules.yaml'), 'utf8')) as { spec: object };
    writeFileSync(join(folder(), 'rules.yaml'), dump(rules.spec));
    await startPart(t.lab, {
      ...{ name: 'prometheus', netnsPath: t.lab.controlNetnsPath, file: prometheus, env: {} },
      args: [
        `--config.file=${join(folder(), 'prometheus.yaml')}`,
        `--storage.tsdb.path=${join(folder(), 'data')}`,
        `--web.listen-address=127.0.0.1:${PORT}`,
      ],
    });
  });

  after(async () => {
    for (const part of ['prometheus', ...forwarders]) await stopPart(t.lab, part);
    rmSync(folder(), { recursive: true, force: true });
  });

  /** Jobs and labels as the PodMonitor makes them. */
  function configuration(): object {
    const job = (name: string, targets: readonly { address: string; node: string }[]): object => ({
      job_name: name,
      static_configs: targets.map(({ address, node }) => ({ targets: [address], labels: { node } })),
    });
    return {
      global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
      rule_files: ['rules.yaml'],
      scrape_configs: [
        job('podwire-watcher', [{ address: '127.0.0.1:9464', node: 'control' }]),
        job('podwire-orchestrator', [{ address: '127.0.0.1:9465', node: 'control' }]),
        job(
          'podwire-node',
          t.lab.nodes.map(({ name, address }) => ({ address: `${address}:${FORWARDED}`, node: name })),
        ),
      ],
    };
  }

  async function ask(expr: string): Promise<NonNullable<Answer['data']>['result']> {
    const url = `http://127.0.0.1:${PORT}/api/v1/query?query=${encodeURIComponent(expr)}`;
    const { stdout, stderr, code } = await inNetns(t.lab.controlNetnsPath, 'busybox', ['wget', '-q', '-O', '-', url]);
    assert.equal(code, 0, `${expr}: ${stderr}`);
    const answer = JSON.parse(stdout) as Answer;
    assert.equal(answer.status, 'success', `${expr}: ${answer.error ?? ''}`);
    return answer.data?.result ?? [];
  }

  test('every part is scraped', async () => {
    const wanted = ['podwire-orchestrator', 'podwire-watcher', ...t.lab.nodes.map(() => 'podwire-node')].sort();
    await waitFor(
      'all parts to be up',
      async () => {
        const up = (await ask('up == 1')).map(({ metric }) => metric['job'] ?? '').sort();
        return up.join() === wanted.join() ? true : undefined;
      },
      LIMIT,
    );
  });

  test('a pod that is stuck is counted, with its cause, and the rule for it has a result', async () => {
    await t.createPods([
      { name: 'well-a', node: t.node(0), networks: 'watched id=7950 ip=192.168.95.1/24' },
      { name: 'well-b', node: t.node(1), networks: 'watched id=7950 ip=192.168.95.2/24' },
      { name: 'stuck', node: t.node(0), networks: 'nowhere id=7951 dev=eth9' },
    ]);
    await waitFor(
      'the stuck pod to be counted',
      async () => ((await ask('max(podwire_cluster_runs{state="Stuck"}) > 0')).length > 0 ? true : undefined),
      { limitMs: 60_000, everyMs: 500 },
    );
    const cause = `node="${t.node(0)}", outcome="ParentMissing", operation="attach", kind="vxlan"`;
    assert.equal((await ask(`podwire_node_step_seconds_count{${cause}}`)).length, 1);
    await waitFor(
      'the alert to be pending',
      async () =>
        (await ask('ALERTS{alertname="PodwirePodsStuck", alertstate="pending"}')).length > 0 ? true : undefined,
      LIMIT,
    );
  });

  test("every panel's queries are understood, and have data but where nothing happened", async () => {
    const { panels } = JSON.parse(readFileSync(join(MONITORING, 'podwire.json'), 'utf8')) as { panels: Panel[] };
    const empty: string[] = [];
    for (const { title, targets = [] } of panels) {
      const results = [];
      for (const { expr } of targets) results.push(...(await ask(expr.replaceAll('$__rate_interval', '2m'))));
      if (targets.length > 0 && results.length === 0) empty.push(title);
    }
    assert.deepEqual(
      empty.filter((title) => !MAY_BE_EMPTY.has(title)),
      [],
    );
  });

  test("the page about figures names what the SDK's core tells", async () => {
    const page = readFileSync(join(MONITORING, '../../docs/metrics.md'), 'utf8');
    const names = [...new Set([...page.matchAll(/`(temporal_\w+)`/g)].map(([, name = '']) => name))];
    assert.ok(names.length > 8);
    for (const name of names) {
      const told = await ask(`{__name__=~"${name}(_bucket)?"}`);
      assert.ok(told.length > 0, name);
      const labels = new Set(told.flatMap(({ metric }) => Object.keys(metric)));
      const row = page.split('\n').find((line) => line.includes(`\`${name}\``)) ?? '';
      const [, , written = ''] = row.split('|');
      for (const [, label = ''] of written.matchAll(/`(\w+)`/g)) assert.ok(labels.has(label), `${name}: ${label}`);
    }
  });

  test('what is told of the lab has few series, and none of them names a pod', async () => {
    const [all] = await ask('count({__name__=~"podwire_.+|temporal_.+", job="podwire-orchestrator"})');
    assert.ok(Number(all?.value[1]) < 3_000, `${all?.value[1] ?? 0} series`);
    const named = await ask(`{__name__=~"podwire_.+|temporal_.+", job=~".+"} and {__name__=~".+"}`);
    assert.ok(named.length > 100);
    const values = named.flatMap(({ metric }) => Object.values(metric));
    assert.deepEqual(
      values.filter((value) => /well-a|stuck-|[0-9a-f]{8}-[0-9a-f]{4}-/.test(value)),
      [],
    );
  });
});
