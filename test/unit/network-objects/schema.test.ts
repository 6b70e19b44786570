import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { load } from 'js-yaml';
import { readNetworkSpec } from '../../../adapters/kubernetes/network-objects.ts';
import { definitionView } from '../../../adapters/kubernetes/definitions.ts';
import { ownDefinitions } from '../../../deploy/crds/manifests.ts';
import { ACCEPTED_SPECS, REFUSED_SPECS } from './specs.ts';

const CRDS = join(import.meta.dirname, '../../../deploy/base/crds');

describe('the spec of a network object', () => {
  for (const [title, spec] of Object.entries(ACCEPTED_SPECS))
    it(`may have ${title}`, () => {
      const found = readNetworkSpec(spec);
      assert.ok(found.ok, JSON.stringify(found));
    });

  for (const [title, { spec, at }] of Object.entries(REFUSED_SPECS))
    it(`is refused for ${title}, and its field is named`, () => {
      const found = readNetworkSpec(spec);
      assert.ok(!found.ok);
      assert.ok(found.why.startsWith(at), found.why);
    });

  it('has defaults for what is left out', () => {
    const found = readNetworkSpec({ vni: 5 });
    assert.deepEqual(found, { ok: true, spec: { vni: 5, mode: 'pod', port: 8472, subnets: [] } });
  });

  it('is read with its object, and a wrong one leaves an object that says why', () => {
    const metadata = { uid: 'u', namespace: 'red', name: 'blue' };
    const view = definitionView('network', { metadata, spec: { vni: 'x' } });
    assert.deepEqual([view?.namespace, view?.name, view?.declares?.ok], ['red', 'blue', false]);
    const cluster = definitionView('cluster-network', { metadata: { uid: 'u', name: 'blue' }, spec: { vni: 5 } });
    assert.deepEqual([cluster?.namespace, cluster?.name, cluster?.declares?.ok], ['', 'blue', true]);
  });
});

describe('the CustomResourceDefinitions of network objects', () => {
  for (const { file, manifest } of ownDefinitions())
    it(`are those that the schema makes: ${file} (else: npm run crds)`, () => {
      assert.deepEqual(load(readFileSync(join(CRDS, file), 'utf8')), JSON.parse(JSON.stringify(manifest)));
    });

  it('describe every field, for kubectl explain', () => {
    const lacking: string[] = [];
    const look = (schema: unknown, path: string): void => {
      const {
        description,
        properties = {},
        items,
      } = schema as {
        description?: string;
        properties?: Record<string, unknown>;
        items?: unknown;
      };
      if (description === undefined && !path.endsWith('[]')) lacking.push(path);
      for (const [key, inner] of Object.entries(properties)) look(inner, `${path}.${key}`);
      if (items !== undefined) look(items, `${path}[]`);
    };
    for (const { manifest } of ownDefinitions()) {
      const { spec } = manifest as {
        spec: { versions: { schema: { openAPIV3Schema: { properties: { spec: unknown; status: unknown } } } }[] };
      };
      look(spec.versions[0]?.schema.openAPIV3Schema.properties.spec, 'spec');
      look(spec.versions[0]?.schema.openAPIV3Schema.properties.status, 'status');
    }
    assert.deepEqual(lacking, []);
  });
});
