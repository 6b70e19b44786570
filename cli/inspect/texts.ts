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

/** `inspect nets`: a block for each name, in the order given. */
export async function netsText(
  pods: readonly PodWithNetworks[],
  names: readonly string[],
  fields: readonly Field[],
  inspect: Inspect,
): Promise<string> {
  const wanted = [...new Set(names)];
  const said = await inspect(
    pods.map((each): Asked => {
      const networks = wanted.flatMap((name) => networkOf(each, name) ?? []);
      return { pod: each.pod, questions: questionsAbout(networks, fields) };
    }),
  );
  const blocks = names.map((name) => {
    const members = pods.flatMap((each) => {
      const network = networkOf(each, name);
      return network === undefined ? [] : [shown(each.pod, network, said)];
    });
    return networkText(name, members, fields);
  });
  return blocks.join('');
}

/** `list pods`. */
export async function podsListText(
  pods: readonly PodWithNetworks[],
  prefixes: readonly string[],
  inspect: Inspect,
): Promise<string> {
  const listed = pods.filter(
    ({ pod }) => prefixes.length === 0 || prefixes.some((prefix) => pod.name.startsWith(prefix)),
  );
  const said = await inspect(
    listed.map(({ pod, networks }) => ({
      pod,
      questions: [...new Set(networks.map(linkOf))].map((link) => ({ about: 'addresses' as const, link })),
    })),
  );
  return listed
    .flatMap(({ pod, networks }) =>
      networks.map((network) => listLines(pod, network.name, said(pod, 'addresses', linkOf(network)))),
    )
    .join('');
}

/** `inspect pods`: podwire's own; everything that is known of each pod. */
export async function podsText(
  pods: readonly PodWithNetworks[],
  fields: readonly Field[],
  inspect: Inspect,
): Promise<string> {
  const said = await inspect(pods.map(({ pod, networks }) => ({ pod, questions: questionsAbout(networks, fields) })));
  return pods
    .map(({ pod, networks }) => {
      const head = `[${pod.namespace}/${pod.name}]\n uid: ${pod.uid}\n node: ${pod.nodeName}\n ips: ${pod.podIPs.join(' ')}\n`;
      const states = statesOf(pod.publishedStatus).map((state) => ` status: ${state}\n`);
      const blocks = networks.map((network) => `\n${memberLines(shown(pod, network, said), fields)}`);
      return `${head}${states.join('')}${blocks.join('')}\n`;
    })
    .join('');
}

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
