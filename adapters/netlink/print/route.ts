/** The line of an IPv4 route through one link, as `ip route show dev LINK` of iproute2 6.1 writes it: without the link's name. */
import { RT_SCOPE, RTN, RTPROT, type RouteMessage, type RouteMetrics } from '../codec/route.ts';
import { dsfieldWord, joined, pair, prefixedHex, protocolWord, realmWord, routeTypeWord, scopeWord } from './words.ts';

/** RTNH_F_… and RTM_F_… of linux/rtnetlink.h, in iproute2's order. */
const FLAGS: readonly (readonly [bit: number, word: string])[] = [
  [0x01, 'dead'],
  [0x04, 'onlink'],
  [0x02, 'pervasive'],
  [0x08, 'offload'],
  [0x40, 'trap'],
  [0x100, 'notify'],
  [0x10, 'linkdown'],
  [0x20, 'unresolved'],
  [0x4000, 'rt_offload'],
  [0x8000, 'rt_trap'],
  [0x20000000, 'rt_offload_failed'],
];

export function routeText(route: RouteMessage): string {
  const { type, destination, source, tos, nexthopId, gateway, via, protocol, scope, preferredSource, priority } = route;
  const words = joined([
    type !== RTN.UNICAST && routeTypeWord(type),
    destination === '0.0.0.0/0' ? 'default' : withoutHostPrefix(destination),
    source !== undefined && `from ${withoutHostPrefix(source)}`,
    tos !== undefined && `tos ${dsfieldWord(tos)}`,
    pair('nhid', nexthopId),
    pair('via', gateway),
    via !== undefined && `via ${viaFamily(via.family)} ${via.address}`,
    protocol !== RTPROT.BOOT && `proto ${protocolWord(protocol)}`,
    scope !== RT_SCOPE.UNIVERSE && `scope ${scopeWord(scope)}`,
    pair('src', preferredSource),
    pair('metric', priority),
    ...FLAGS.filter(([bit]) => (route.flags & bit) !== 0).map(([, word]) => word),
    realms(route.realms),
    ...metricWords(route.metrics ?? {}),
  ]);
  return `${words}\n`;
}

const withoutHostPrefix = (range: string): string => range.replace(/\/32$/, '');

const viaFamily = (family: number): string => (family === 6 ? 'inet6' : family === 4 ? 'inet' : String(family));

function realms(value: number | undefined): string | undefined {
  if (value === undefined) return undefined;
  const [from, to] = [value >>> 16, value & 0xffff];
  return from === 0 ? `realm ${realmWord(to)}` : `realms ${realmWord(from)}/${realmWord(to)}`;
}

/** The kernel's default, which needs no word. */
const NO_HOPLIMIT = 0xffffffff;

/** Words of the metrics with their RTAX numbers, which `lock` counts by. */
function metricWords(metrics: RouteMetrics): (string | undefined)[] {
  const metric = (number: number, word: string, value: string | number | undefined): string | undefined =>
    pair(((metrics.lock ?? 0) & (1 << number)) === 0 ? word : `${word} lock`, value);
  const { rtt, rttvar, rtoMin, features, hoplimit } = metrics;
  return [
    metric(2, 'mtu', metrics.mtu),
    metric(3, 'window', metrics.window),
    metric(4, 'rtt', rtt && duration(Math.floor(rtt / 8))),
    metric(5, 'rttvar', rttvar && duration(Math.floor(rttvar / 4))),
    metric(6, 'ssthresh', metrics.ssthresh),
    metric(7, 'cwnd', metrics.cwnd),
    metric(8, 'advmss', metrics.advmss),
    metric(9, 'reordering', metrics.reordering),
    metric(10, 'hoplimit', hoplimit === NO_HOPLIMIT ? undefined : hoplimit),
    metric(11, 'initcwnd', metrics.initcwnd),
    metric(12, 'features', features && featureWords(features)),
    metric(13, 'rto_min', rtoMin && duration(rtoMin)),
    metric(14, 'initrwnd', metrics.initrwnd),
    metric(15, 'quickack', metrics.quickack),
    metric(16, 'congctl', metrics.congctl),
    metric(17, 'fastopen_no_cookie', metrics.fastopenNoCookie),
  ];
}

/** Of milliseconds. */
const duration = (value: number): string => (value < 1000 ? `${value}ms` : `${Number((value / 1000).toPrecision(6))}s`);

/** RTAX_FEATURE_ECN is the only one that iproute2 6.1 has a word for; it tells the others together with it. */
function featureWords(features: number): string {
  const ecn = (features & 1) === 0 ? [] : ['ecn'];
  return [...ecn, ...(features > 1 ? [prefixedHex(features)] : [])].join(' ');
}
