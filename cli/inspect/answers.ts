/** What the inspecting commands answer to programs: the same as to people, with lines of iproute2 as they were printed. */
import { ipv4Of, linesOf, type Field, type ShownMember } from './render.ts';
import type { ListedPod, ShownNetwork, ShownPod } from './texts.ts';

/** Of what the kernel says, only what was asked for. */
function kernelsWords(member: ShownMember, fields: readonly Field[]): object {
  const words = { fdb: member.fdb, dev: member.dev, route: member.route };
  const asked = Object.entries(words).filter(([field]) => fields.some((each) => each === field));
  return Object.fromEntries(asked.map(([field, said]) => [field, linesOf(said)]));
}

/** `inspect nets`. */
export const networksAnswer = (networks: readonly ShownNetwork[], fields: readonly Field[]): readonly object[] =>
  networks.map(({ network, members }) => ({
    network,
    members: members.map((member) => ({
      ...{ pod: `${member.namespace}/${member.name}`, ip: member.ip, options: Object.fromEntries(member.options) },
      ...kernelsWords(member, fields),
    })),
  }));

/** `inspect pods`. */
export const podsAnswer = (pods: readonly ShownPod[], fields: readonly Field[]): readonly object[] =>
  pods.map(({ pod: { namespace, name, uid, nodeName, podIPs }, networks, states }) => ({
    ...{ pod: `${namespace}/${name}`, uid, node: nodeName, ips: podIPs, status: states },
    networks: networks.map(({ network, ...member }) => ({
      ...{ network, options: Object.fromEntries(member.options) },
      ...kernelsWords(member, fields),
    })),
  }));

/** `list pods`. */
export const listAnswer = (listed: readonly ListedPod[]): readonly object[] =>
  listed.map(({ namespace, name, network, addresses }) => ({
    ...{ pod: `${namespace}/${name}`, network, addresses: ipv4Of(addresses) },
  }));
