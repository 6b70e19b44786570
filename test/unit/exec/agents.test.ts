import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { agentsOf, agentSettings } from '../../../config/agents.ts';
import { ConfigError, readSettings } from '../../../config/cli-flags.ts';
import { podKeys, podView } from '../../../adapters/kubernetes/pod-view.ts';
import { ipCodec } from '../../../adapters/ip/ip-codec.ts';
import { execSandboxId, runningAgent, shutGate } from '../../../domain/pod/agents.ts';
import { desiredInputs } from '../../../domain/desired-inputs.ts';
import { nodeQueue } from '../../../domain/messages.ts';
import { nodeOfTarget, targetOf } from '../../../domain/target.ts';
import type { PodView } from '../../../domain/pod/pod-view.ts';
import { DEFAULT_DIALECT_SETTINGS, type DialectSettings } from '../../../domain/settings.ts';

const INIT = 'vxlan-controller-agent-init';
const MAIN = 'vxlan-controller-agent';
const EXEC: DialectSettings = {
  ...DEFAULT_DIALECT_SETTINGS,
  agents: { ...DEFAULT_DIALECT_SETTINGS.agents, backend: { default: 'exec', byNamespace: { core: 'node' } } },
};

interface States {
  readonly init?: string | undefined;
  readonly main?: string | undefined;
  readonly agents?: boolean;
  readonly ip?: string;
}

/** @param states ids of the agent containers that run */
function pod({ init, main, agents = true, ip = '10.0.0.9' }: States = {}): PodView {
  const status = (name: string, id: string | undefined) => ({
    ...{ name, containerID: id ?? 'containerd://old' },
    state: id === undefined ? { terminated: {} } : { running: {} },
  });
  const view = podView(
    {
      metadata: {
        ...{ uid: 'u', namespace: 'ns', name: 'p', labels: { 'vxlan.openvnf.org': 'true' } },
        annotations: { 'vxlan.openvnf.org/networks': 'green id=7 up' },
      },
      spec: {
        nodeName: 'n1',
        initContainers: agents ? [{ name: INIT }] : [],
        containers: [{ name: 'app' }, ...(agents ? [{ name: MAIN }] : [])],
      },
      status: {
        ...{ phase: 'Pending', podIP: ip },
        initContainerStatuses: [status(INIT, init)],
        containerStatuses: [status(MAIN, main)],
      },
    },
    podKeys(EXEC),
  );
  assert.ok(view);
  return view;
}

const inputs = (view: PodView, settings = EXEC) =>
  desiredInputs(view, { declared: 'absent', definitions: () => 'absent', md5: () => '' }, settings, ipCodec);
const hashed = (view: PodView, settings = EXEC): string => inputs(view, settings).canonical;

describe('agent containers', () => {
  test('are seen while they run: the init agent first, then the other one', () => {
    assert.deepEqual(runningAgent(pod({ init: 'containerd://i' })), { container: INIT, containerId: 'containerd://i' });
    assert.deepEqual(runningAgent(pod({ main: 'containerd://m' })), { container: MAIN, containerId: 'containerd://m' });
    assert.equal(runningAgent(pod()), undefined);
    assert.equal(shutGate(pod({ init: 'containerd://i' }))?.containerId, 'containerd://i');
    assert.equal(shutGate(pod({ main: 'containerd://m' })), undefined);
  });

  test('that are started anew are news for the exec backend, and for the node backend only the gate is', () => {
    const [waiting, running, again] = [pod({ init: 'i' }), pod({ main: 'm1' }), pod({ main: 'm2' })];
    assert.equal(new Set([waiting, running, again].map((view) => hashed(view))).size, 3);
    const node = [waiting, running, again].map((view) => hashed(view, DEFAULT_DIALECT_SETTINGS));
    assert.equal(new Set(node).size, 2);
    assert.equal(node[1], node[2]);
    const without = hashed(pod({ agents: false }), DEFAULT_DIALECT_SETTINGS);
    assert.equal(without, node[1], 'pods without agents have the inputs that they always had');
  });

  test('that are not there make a pod unfit for the exec backend, with a message that says what to do', () => {
    const { parsed } = inputs(pod({ agents: false }));
    assert.deepEqual(parsed.selections, []);
    assert.match(
      parsed.problems[0]?.message ?? '',
      /no container vxlan-controller-agent.*add it.*or choose backend node/,
    );
    assert.deepEqual(parsed.keep, ['openvnf:*'], 'it says nothing about what is wanted no longer');
    assert.equal(inputs(pod({ agents: false }), DEFAULT_DIALECT_SETTINGS).parsed.selections.length, 1);
  });

  test('stand for a sandbox by the address of the pod, in either family', () => {
    assert.equal(execSandboxId(pod()), 'ip-10.0.0.9');
    assert.equal(execSandboxId(pod({ ip: 'fd00::9' })), 'ip-fd00--9');
  });
});

describe('the backend of a pod', () => {
  const target = (namespace: string) => targetOf({ nodeName: 'n1', namespace }, EXEC.agents.backend);

  test('decides about the queue, and keeps its records apart from those of the node', () => {
    assert.equal(nodeQueue(target('core')), 'podwire-node-n1');
    assert.equal(nodeQueue(target('edge')), 'podwire-exec');
    assert.notEqual(target('edge'), 'n1');
    assert.equal(nodeOfTarget(target('edge')), 'n1');
    assert.equal(targetOf({ nodeName: '', namespace: 'edge' }, EXEC.agents.backend), '');
  });

  test('is a setting of the cluster with exceptions by namespace', () => {
    const argv = ['--backend=exec', '--backend-by-namespace=core=node, edge=exec', '--gate-on-refusal=shut'];
    const { backend, gateOnRefusal } = agentsOf(readSettings(agentSettings, argv, {}));
    assert.deepEqual(backend, { default: 'exec', byNamespace: { core: 'node', edge: 'exec' } });
    assert.equal(gateOnRefusal, 'shut');
    for (const wrong of ['--backend=cri', '--backend-by-namespace=core', '--agent-container-name=A_b'])
      assert.throws(() => readSettings(agentSettings, [wrong], {}), ConfigError, wrong);
  });
});
