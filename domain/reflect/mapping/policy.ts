import type { ObjectId } from '../keys.ts';
import type { Reading } from '../reading.ts';
import type { LabelExpression, LabelSelector, PolicyPeer, PolicyPort, PolicyRecord } from '../records.ts';
import { labelsOf, message, metadataLabels } from './message.ts';
import { protocolOf } from './pod.ts';

type IngressRule = NonNullable<PolicyRecord['ingress_rule']>[number];
type EgressRule = NonNullable<PolicyRecord['egress_rule']>[number];
type PortNameOrNumber = NonNullable<PolicyPort['port']>;

/** The type is that of `spec.policyTypes` and is not derived from the rules: readers do that. */
export function policyRecord(object: Reading, id: Required<ObjectId>): PolicyRecord {
  const spec = object.child('spec');
  return message<PolicyRecord>({
    ...id,
    label: labelsOf(metadataLabels(object)),
    pods: selector(spec.child('podSelector')),
    policy_type: policyType(spec.texts('policyTypes')),
    ingress_rule: spec
      .children('ingress')
      .map((rule) => message<IngressRule>({ port: rule.children('ports').map(port), from: peers(rule, 'from') })),
    egress_rule: spec
      .children('egress')
      .map((rule) => message<EgressRule>({ port: rule.children('ports').map(port), to: peers(rule, 'to') })),
  });
}

function policyType(types: readonly string[]): PolicyRecord['policy_type'] {
  const ingress = types.includes('Ingress');
  const egress = types.includes('Egress');
  if (ingress && egress) return 'INGRESS_AND_EGRESS';
  if (ingress) return 'INGRESS';
  return egress ? 'EGRESS' : undefined;
}

const selector = (read: Reading): LabelSelector =>
  message<LabelSelector>({
    match_label: labelsOf(read.textMap('matchLabels')),
    match_expression: read.children('matchExpressions').map((expression) =>
      message<LabelExpression>({
        key: expression.text('key'),
        operator: OPERATORS.get(expression.text('operator')),
        value: expression.texts('values'),
      }),
    ),
  });

/** `In`, and whatever is none of them, is the enum's first word. */
const OPERATORS: ReadonlyMap<string, NonNullable<LabelExpression['operator']>> = new Map([
  ['NotIn', 'NOT_IN'],
  ['Exists', 'EXISTS'],
  ['DoesNotExist', 'DOES_NOT_EXIST'],
]);

const port = (read: Reading): PolicyPort =>
  message<PolicyPort>({
    protocol: protocolOf(read),
    port: read.has('port') ? portNameOrNumber(read) : undefined,
    end_port: read.integer('endPort'),
  });

const portNameOrNumber = (read: Reading): PortNameOrNumber =>
  typeof read.raw('port') === 'string'
    ? message<PortNameOrNumber>({ type: 'NAME', number: undefined, name: read.text('port') })
    : message<PortNameOrNumber>({ type: undefined, number: read.integer('port'), name: undefined });

const peers = (rule: Reading, key: 'from' | 'to'): PolicyPeer[] => rule.children(key).map(peer);

/**
 * The first of podSelector, namespaceSelector and ipBlock counts, as in KSR. A namespaceSelector beside a podSelector gets a
 * field of its own and not `namespaces`: contiv's agents take `pods` and `namespaces` of a peer for alternatives, so that
 * they would let in every pod of these namespaces.
 */
function peer(read: Reading): PolicyPeer {
  const of = (key: string): LabelSelector | undefined => (read.has(key) ? selector(read.child(key)) : undefined);
  const pods = of('podSelector');
  const namespaces = of('namespaceSelector');
  const block = read.has('ipBlock') ? ipBlock(read.child('ipBlock')) : undefined;
  return message<PolicyPeer>({
    pods,
    namespaces: pods === undefined ? namespaces : undefined,
    ip_block: pods === undefined && namespaces === undefined ? block : undefined,
    pod_namespaces: pods === undefined ? undefined : namespaces,
  });
}

const ipBlock = (read: Reading): NonNullable<PolicyPeer['ip_block']> =>
  message<NonNullable<PolicyPeer['ip_block']>>({ cidr: read.text('cidr'), except: read.texts('except') });
