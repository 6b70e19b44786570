/** From pods and a way to look into them to what a command prints. */
import type { SelectedPod } from '../../adapters/kubernetes/selected-pods.ts';
import type { WrittenNetwork } from '../../domain/openvnf/written-networks.ts';
import type { InspectQuestion } from '../../domain/ports/inspect-pod.ts';
import type { Asked, PodWithNetworks, Said } from './members.ts';
import { listLines, memberLines, networkText, type Field, type ShownMember } from './render.ts';

export type Inspect = (asked: readonly Asked[]) => Promise<Said>;

const ABOUT: Readonly<Record<Field, InspectQuestion['about'] | undefined>> = {
  pod: undefined,
  net: undefined,
  fdb: 'fdb',
  dev: 'details',
  route: 'routes',
};

/** The device of a network. */
const linkOf = ({ name, options }: WrittenNetwork): string => options.get('name') ?? name;

const questionsAbout = (networks: readonly WrittenNetwork[], fields: readonly Field[]): InspectQuestion[] =>
  networks.flatMap((network) =>
    fields.flatMap((field) => {
      const about = ABOUT[field];
      return about === undefined ? [] : [{ about, link: linkOf(network) }];
    }),
  );

function shown(pod: SelectedPod, network: WrittenNetwork, said: Said): ShownMember {
  const link = linkOf(network);
  return {
    namespace: pod.namespace,
    name: pod.name,
    ip: pod.podIPs[0] ?? '',
    options: network.options,
    fdb: said(pod, 'fdb', link),
    dev: said(pod, 'details', link),
    route: said(pod, 'routes', link),
  };
}

/** Of networks with equal names the first one counts. */
const networkOf = ({ networks }: PodWithNetworks, name: string): WrittenNetwork | undefined =>
  networks.find((network) => network.name === name);

/** A network, as its members' kernels show it. */
export interface ShownNetwork {
  readonly network: string;
  readonly members: readonly ShownMember[];
}

/** For `inspect nets`: one for each name, in the order given. */
export async function shownNetworks(
  pods: readonly PodWithNetworks[],
  names: readonly string[],
  fields: readonly Field[],
  inspect: Inspect,
): Promise<ShownNetwork[]> {
  const wanted = [...new Set(names)];
  const said = await inspect(
    pods.map((each): Asked => {
      const networks = wanted.flatMap((name) => networkOf(each, name) ?? []);
      return { pod: each.pod, questions: questionsAbout(networks, fields) };
    }),
  );
  return names.map((network) => ({
    network,
    members: pods.flatMap((each) => {
      const written = networkOf(each, network);
      return written === undefined ? [] : [shown(each.pod, written, said)];
    }),
  }));
}

/** `inspect nets`: a block for each network. */
export const netsText = (networks: readonly ShownNetwork[], fields: readonly Field[]): string =>
  networks.map(({ network, members }) => networkText(network, members, fields)).join('');

/** A pod's place in a network, with what `ip addr` says of its link there. */
export interface ListedPod {
  readonly namespace: string;
  readonly name: string;
  readonly network: string;
  readonly addresses: string;
}

/** For `list pods`: in the API's order. */
export async function listedPods(
  pods: readonly PodWithNetworks[],
  prefixes: readonly string[],
  inspect: Inspect,
): Promise<ListedPod[]> {
  const listed = pods.filter(
    ({ pod }) => prefixes.length === 0 || prefixes.some((prefix) => pod.name.startsWith(prefix)),
  );
  const said = await inspect(
    listed.map(({ pod, networks }) => ({
      pod,
      questions: [...new Set(networks.map(linkOf))].map((link) => ({ about: 'addresses' as const, link })),
    })),
  );
  return listed.flatMap(({ pod, networks }) =>
    networks.map((network) => ({
      ...{ namespace: pod.namespace, name: pod.name, network: network.name },
      addresses: said(pod, 'addresses', linkOf(network)),
    })),
  );
}

/** `list pods`. */
export const podsListText = (listed: readonly ListedPod[]): string =>
  listed.map((each) => listLines(each, each.network, each.addresses)).join('');

/** A pod with all of its networks, as its kernel shows them. */
export interface ShownPod {
  readonly pod: SelectedPod;
  readonly networks: readonly (ShownMember & { readonly network: string })[];
  /** What podwire last published on it, a line for each interface. */
  readonly states: readonly string[];
}

/** For `inspect pods`, which is podwire's own: everything that is known of each pod. */
export async function shownPods(
  pods: readonly PodWithNetworks[],
  fields: readonly Field[],
  inspect: Inspect,
): Promise<ShownPod[]> {
  const said = await inspect(pods.map(({ pod, networks }) => ({ pod, questions: questionsAbout(networks, fields) })));
  return pods.map(({ pod, networks }) => ({
    ...{ pod, states: statesOf(pod.publishedStatus) },
    networks: networks.map((network) => ({ network: network.name, ...shown(pod, network, said) })),
  }));
}

/** `inspect pods`. */
export const podsText = (pods: readonly ShownPod[], fields: readonly Field[]): string =>
  pods
    .map(({ pod, networks, states }) => {
      const head = `[${pod.namespace}/${pod.name}]\n uid: ${pod.uid}\n node: ${pod.nodeName}\n ips: ${pod.podIPs.join(' ')}\n`;
      const blocks = networks.map((network) => `\n${memberLines(network, fields)}`);
      return `${head}${states.map((state) => ` status: ${state}\n`).join('')}${blocks.join('')}\n`;
    })
    .join('');

/** What podwire last published on the pod; an annotation that somebody else wrote is not worth a crash. */
function statesOf(published: string | undefined): string[] {
  if (published === undefined) return [];
  try {
    const entries: unknown = JSON.parse(published);
    return (Array.isArray(entries) ? (entries as (Readonly<Record<string, unknown>> | null)[]) : []).map((entry) =>
      [entry?.['interface'], entry?.['name'], entry?.['state'], entry?.['message']]
        .map((part) => (typeof part === 'string' ? part : ''))
        .filter((part) => part !== '')
        .join(' '),
    );
  } catch {
    return ['the annotation podwire.io/network-status cannot be read'];
  }
}
