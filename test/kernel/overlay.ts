/** Pods of the node under test on one LAN, so that their VXLAN links carry traffic. */
import { basename } from 'node:path';
import type { LinkResult } from '../../domain/records.ts';
import type { VxlanLinkSpec } from '../../domain/vxlan/vxlan.ts';
import { createTestNetns, type TestNetns } from './namespace.ts';
import { NETWORK, NODE, type NodeUnderTest, type Pod } from './node-under-test.ts';

const IP = '/usr/sbin/ip';

/** A pod that is a member of the network. */
export interface OverlayPod {
  readonly pod: Pod;
  readonly number: number;
  /** On the pod network. */
  readonly vtep: string;
  /** In the overlay. */
  readonly address: string;
}

export class Overlay {
  readonly #node: NodeUnderTest;
  readonly #lan: TestNetns;

  private constructor(node: NodeUnderTest, lan: TestNetns) {
    this.#node = node;
    this.#lan = lan;
  }

  static async open(node: NodeUnderTest): Promise<Overlay> {
    const lan = await createTestNetns();
    await lan.exec([IP, '-batch', '-'], { input: 'link add name lan0 type bridge\nlink set dev lan0 up\n' });
    return new Overlay(node, lan);
  }

  close(): Promise<void> {
    return this.#lan.remove();
  }

  /** A pod on the LAN, a member of nothing yet. @param number 10…250, gives it its addresses */
  async pod(number: number): Promise<OverlayPod> {
    const pod = await this.#node.pod();
    const vtep = `10.244.1.${number}`;
    const port = `port${number}`;
    const lines = [
      'address flush dev eth0',
      `address add ${vtep}/24 dev eth0`,
      `link set dev far0 netns ${basename(this.#lan.path)} name ${port}`,
      'link set dev eth0 up',
    ];
    await pod.netns.exec([IP, '-batch', '-'], { input: `${lines.join('\n')}\n` });
    await this.#lan.exec([IP, '-batch', '-'], {
      input: `link set dev ${port} master lan0\nlink set dev ${port} up\n`,
    });
    return { pod, number, vtep, address: `192.168.50.${number}` };
  }

  /** Makes or changes its link as the activities do, and makes it a member. */
  async join({ pod, vtep, address }: OverlayPod, change: Partial<VxlanLinkSpec> = {}): Promise<LinkResult> {
    const link = { addresses: [`${address}/24`], routes: [], ...change };
    const result = await this.#node.ensure(await pod.intend(link, { vtep }));
    await pod.intend(link, { vtep, phase: 'attached', result });
    this.member(pod.uid, vtep, result);
    return result;
  }

  /** Out of the membership, then without its link. */
  async leave({ pod, vtep, address }: OverlayPod): Promise<void> {
    this.forget(pod.uid);
    const link = { addresses: [`${address}/24`], routes: [] };
    await this.#node.remove(await pod.intend(link, { vtep, phase: 'removing' }));
    for (const [key, { value }] of this.#node.store.attachments)
      if (value.podUid === pod.uid) this.#node.store.attachments.delete(key);
  }

  member(podUid: string, vtep: string, { mac, addresses }: Pick<LinkResult, 'mac' | 'addresses'>): void {
    this.forget(podUid);
    this.#node.store.members.push({
      ...{ v: 1, podUid, node: NODE, sandboxId: 's', interfaceName: 'green', generation: 1, vtep, mac, addresses },
      network: `${NETWORK.scope}/${NETWORK.name}`,
    });
  }

  forget(podUid: string): void {
    const { store } = this.#node;
    store.members = store.members.filter((member) => member.podUid !== podUid);
  }
}
