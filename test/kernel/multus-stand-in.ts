/**
 * Multus as far as a node shows it: a stand-in, since Multus itself needs a cluster (test/full/multus.test.ts has one, and looks whether its
 * files are like these). It calls the real plugins and writes what Multus 4 and libcni 1.3 write, in their words: `<cniDir>/<container id>` with the delegates, and `<cniDir>/results/<network>-<container id>-<interface>`
 * of the kind `cniCacheV1`. Its DEL is Multus', too: with the cached result where there is one, without where there is none.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CniCall } from '../../domain/ports/cni-plugins.ts';
import { NEVER, type CniBench } from './cni-bench.ts';
import type { Pod } from './node-under-test.ts';

export interface MultusAttachment {
  readonly call: CniCall;
  readonly file: string;
  /** Of its entry in network-status. */
  readonly mac: string;
  readonly ips: readonly string[];
  /** What the kubelet has Multus do when the pod goes. */
  del(): Promise<void>;
}

export const multusDir = ({ dir }: CniBench): string => join(dir, 'multus');

export async function attachByMultus(
  bench: CniBench,
  pod: Pod,
  interfaceName: string,
  config: object,
): Promise<MultusAttachment> {
  const configText = JSON.stringify(config);
  const { name } = config as { readonly name: string };
  const identity = [
    ['K8S_POD_NAMESPACE', 'default'],
    ['K8S_POD_NAME', 'a'],
    ['K8S_POD_INFRA_CONTAINER_ID', pod.sandboxId],
    ['K8S_POD_UID', pod.uid],
  ] as const;
  const call: CniCall = {
    ...{ sandboxId: pod.sandboxId, netnsPath: pod.netns.path, interfaceName, configText, networkName: name },
    capabilityArgs: {},
    args: [
      ['IgnoreUnknown', 'true'],
      ...identity,
      // What the container runtime gave to Multus follows once more.
      ...identity,
      ['IgnoreUnknown', '1'],
    ],
  };
  const { text } = await bench.plugins.add(call, NEVER);
  const result = JSON.parse(text) as {
    readonly interfaces: readonly { readonly name: string; readonly mac: string }[];
    readonly ips?: readonly { readonly address: string }[];
  };
  const results = join(multusDir(bench), 'results');
  mkdirSync(results, { recursive: true, mode: 0o700 });
  const file = join(results, `${name}-${pod.sandboxId}-${interfaceName}`);
  const cached = {
    ...{ kind: 'cniCacheV1', containerId: pod.sandboxId, config: Buffer.from(configText).toString('base64') },
    ...{ ifName: interfaceName, networkName: name, netns: pod.netns.path, cniArgs: call.args },
    // Nobody declares it: Multus passes it on for device plugins. Where there is nothing to pass on the field is absent.
    capabilityArgs: { CNIDeviceInfoFile: '/var/run/k8s.cni.cncf.io/devinfo/cni/x' },
    result,
  };
  writeFileSync(file, JSON.stringify(cached), { mode: 0o600 });
  const delegates = [{ Conf: {}, ConfList: config, Name: `default/${name}`, Bytes: cached.config }];
  writeFileSync(join(multusDir(bench), pod.sandboxId), JSON.stringify(delegates), { mode: 0o600 });
  return {
    ...{ call, file },
    mac: result.interfaces.find((each) => each.name === interfaceName)?.mac ?? '',
    ips: (result.ips ?? []).map(({ address }) => address),
    async del() {
      await bench.plugins.del(call, resultIn(file), NEVER);
      rmSync(file, { force: true });
    },
  };
}

function resultIn(file: string): string | undefined {
  try {
    return JSON.stringify((JSON.parse(readFileSync(file, 'utf8')) as { readonly result: object }).result);
  } catch {
    return undefined;
  }
}
