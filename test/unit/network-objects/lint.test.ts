import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { described, judge, readSurroundings } from '../../../cli/lint/judge.ts';
import { DEFAULT_DIALECT_SETTINGS, NPWG_NETWORKS_ANNOTATION } from '../../../domain/settings.ts';

const FILE = `
apiVersion: podwire.io/v1alpha1
kind: ClusterNetwork
metadata: { name: blue }
spec: { vni: 500, subnets: [{ cidr: 10.20.0.0/16 }] }
---
apiVersion: podwire.io/v1alpha1
kind: Network
metadata: { name: wrong }
spec: { vni: 0 }
---
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: { name: blue }
spec: { config: '{"cniVersion":"1.0.0","type":"podwire","network":"blue"}' }
---
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: { name: wrong }
spec: { config: '{"cniVersion":"1.0.0","type":"podwire","network":"wrong"}' }
---
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: { name: again }
spec: { config: '{"cniVersion":"1.0.0","type":"podwire","network":"blue"}' }
`;

describe('podwire lint with network objects in a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'podwire-lint-'));
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('says which links an annotation makes by its definitions, and what is wrong with an object', async () => {
    const definitions = join(folder, 'networks.yaml');
    writeFileSync(definitions, FILE);
    const settings = DEFAULT_DIALECT_SETTINGS;
    const around = await readSurroundings({ dialect: 'npwg', definitions, namespace: 'red' }, settings);
    const annotations = {
      [NPWG_NETWORKS_ANNOTATION]: '[{"name":"blue","ips":["10.20.0.9"]},{"name":"wrong"},{"name":"again"}]',
    };
    const { selections, problems } = judge('npwg', { namespace: 'red', annotations, labels: {} }, around, settings);
    const [link, ...more] = selections.map(described);
    assert.deepEqual(more, []);
    assert.deepEqual(link, {
      ...{ network: 'blue', scope: 'cluster.network', id: 500, dstport: 8472, dev: 'eth0', up: true },
      ...{ ips: ['10.20.0.9/16'], routes: [], peers: [] },
    });
    assert.deepEqual(
      problems.map(({ code, network }) => [code, network]),
      [
        ['NetworkBroken', 'red/wrong'],
        ['DuplicateNetwork', 'red/again'],
      ],
    );
    assert.match(problems[0]?.message ?? '', /Network red\/wrong is wrong \(spec\.vni/);
  });
});
