/** The parts that a complete lab has: all but the forwarders, and what others start in it later. */
import type { Binaries } from './binaries.ts';
import { kubeApiserver, kubeControllerManager, kubeScheduler } from './control-plane.ts';
import { kubernetesEtcd, podwireEtcd } from './etcd.ts';
import { nodeLayouts, type LabLayout } from './layout.ts';
import { clusterDns } from './dns.ts';
import { containerdPart, kubeletPart, kubeProxyPart } from './node.ts';
import { holderPart } from './node-mounts.ts';
import type { PartSpec } from './parts.ts';
import type { LabState } from './state.ts';
import { temporalServer } from './temporal.ts';

/** In no order that matters. */
export function clusterParts(lab: LabLayout, state: LabState): PartSpec[] {
  const binaries = state.binaries as Binaries;
  return [
    ...(state.stores ? [podwireEtcd(lab), temporalServer(lab, binaries)] : []),
    ...[kubernetesEtcd(lab), kubeApiserver(lab, binaries)],
    ...[kubeControllerManager(lab, binaries), kubeScheduler(lab, binaries)],
    clusterDns(lab, binaries),
    ...nodeLayouts(lab, state.nodes).flatMap((node) => [
      ...[holderPart(node), containerdPart(node)],
      ...[kubeletPart(lab, node, binaries), kubeProxyPart(lab, node, binaries)],
    ]),
  ];
}
