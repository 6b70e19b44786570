/** What `ip -d` of iproute2 6.1 tells about a bridge and about its ports (IFLA_BR_… and IFLA_BRPORT_… of linux/if_link.h). */
import { read, unsigned } from '../codec/attributes.ts';
import { macText } from '../codec/values.ts';
import { joined, prefixedHex, vlanProtocolWord, type KnownLinks } from './words.ts';

type Data = ReadonlyMap<number, Buffer>;
type Form = (word: string, value: Buffer) => string;
type Line = readonly [type: number, word: string, form: Form];

const count: Form = (word, value) => `${word} ${unsigned(value)}`;
const mask: Form = (word, value) => `${word} ${prefixedHex(Number(unsigned(value)))}`;
const onOff: Form = (word, value) => `${word} ${unsigned(value) === 0n ? 'off' : 'on'}`;
const mac: Form = (word, value) => `${word} ${macText(value)}`;
const vlanProtocol: Form = (word, value) => `${word} ${vlanProtocolWord(Number(unsigned(value.toReversed())))}`;

/** Of hundredths of a second; the seconds are set flush right in four places. */
const timer: Form = (word, value) => {
  const hundredths = unsigned(value);
  return `${word} ${String(hundredths / 100n).padStart(4)}.${String(hundredths % 100n).padStart(2, '0')}`;
};

/** `struct ifla_bridge_id`: the priority in two bytes, then the MAC, whose bytes iproute2 does not pad. */
const bridgeId: Form = (word, value) =>
  `${word} ${value.toString('hex', 0, 2)}.${[...value.subarray(2)].map((byte) => byte.toString(16)).join(':')}`;

/** `struct br_boolopt_multi`; the first two of its bits. */
const options: Form = (_word, value) => {
  const bits = unsigned(value);
  return `no_linklocal_learn ${bits & 1n} mcast_vlan_snooping ${(bits >> 1n) & 1n}`;
};

/** In iproute2's order. */
const BRIDGE: readonly Line[] = [
  [1, 'forward_delay', count],
  [2, 'hello_time', count],
  [3, 'max_age', count],
  [4, 'ageing_time', count],
  [5, 'stp_state', count],
  [6, 'priority', count],
  [7, 'vlan_filtering', count],
  [8, 'vlan_protocol', vlanProtocol],
  [11, 'bridge_id', bridgeId],
  [10, 'designated_root', bridgeId],
  [12, 'root_port', count],
  [13, 'root_path_cost', count],
  [14, 'topology_change', count],
  [15, 'topology_change_detected', count],
  [16, 'hello_timer', timer],
  [17, 'tcn_timer', timer],
  [18, 'topology_change_timer', timer],
  [19, 'gc_timer', timer],
  [39, 'vlan_default_pvid', count],
  [41, 'vlan_stats_enabled', count],
  [45, 'vlan_stats_per_port', count],
  [9, 'group_fwd_mask', mask],
  [20, 'group_address', mac],
  [23, 'mcast_snooping', count],
  [46, '', options],
  [22, 'mcast_router', count],
  [24, 'mcast_query_use_ifaddr', count],
  [25, 'mcast_querier', count],
  [26, 'mcast_hash_elasticity', count],
  [27, 'mcast_hash_max', count],
  [28, 'mcast_last_member_count', count],
  [29, 'mcast_startup_query_count', count],
  [30, 'mcast_last_member_interval', count],
  [31, 'mcast_membership_interval', count],
  [32, 'mcast_querier_interval', count],
  [33, 'mcast_query_interval', count],
  [34, 'mcast_query_response_interval', count],
  [35, 'mcast_startup_query_interval', count],
  [42, 'mcast_stats_enabled', count],
  [43, 'mcast_igmp_version', count],
  [44, 'mcast_mld_version', count],
  [36, 'nf_call_iptables', count],
  [37, 'nf_call_ip6tables', count],
  [38, 'nf_call_arptables', count],
];

/** BR_STATE_… of linux/if_bridge.h. */
const PORT_STATES = ['disabled', 'listening', 'learning', 'forwarding', 'blocking'];
const portState: Form = (word, value) => {
  const state = Number(unsigned(value));
  return `${word} ${PORT_STATES[state] ?? `(${state})`}`;
};

/** Names of the last digits of the link-local groups that a bridge forwards only when told to. */
const GROUPS: Readonly<Record<number, string>> = { 0: 'stp', 2: 'lacp', 14: 'lldp' };
const groups: Form = (word, value) => {
  const bits = Number(unsigned(value));
  const set = [...Array(16).keys()].filter((bit) => (bits & (1 << bit)) !== 0);
  const names = set.map((bit) => GROUPS[bit] ?? prefixedHex(1 << bit)).join(',');
  return `${mask(word, value)} ${word}_str ${names === '' ? '0x0' : names}`;
};

const BACKUP_PORT = 34;

/** In iproute2's order, which tells the fast leave of multicast twice. */
const PORT: readonly Line[] = [
  [1, 'state', portState],
  [2, 'priority', count],
  [3, 'cost', count],
  [4, 'hairpin', onOff],
  [5, 'guard', onOff],
  [6, 'root_block', onOff],
  [7, 'fastleave', onOff],
  [8, 'learning', onOff],
  [9, 'flood', onOff],
  [17, 'port_id', mask],
  [18, 'port_no', mask],
  [15, 'designated_port', count],
  [16, 'designated_cost', count],
  [14, 'designated_bridge', bridgeId],
  [13, 'designated_root', bridgeId],
  [23, 'hold_timer', timer],
  [21, 'message_age_timer', timer],
  [22, 'forward_delay_timer', timer],
  [19, 'topology_change_ack', count],
  [20, 'config_pending', count],
  [10, 'proxy_arp', onOff],
  [12, 'proxy_arp_wifi', onOff],
  [25, 'mcast_router', count],
  [7, 'mcast_fast_leave', onOff],
  [27, 'mcast_flood', onOff],
  [30, 'bcast_flood', onOff],
  [28, 'mcast_to_unicast', onOff],
  [32, 'neigh_suppress', onOff],
  [31, 'group_fwd_mask', groups],
  [29, 'vlan_tunnel', onOff],
  [33, 'isolated', onOff],
  [39, 'locked', onOff],
];

/** @param data IFLA_INFO_DATA @throws MalformedNetlink */
export const bridgeWords = (data: Data): string => joined(lineWords(BRIDGE, data));

/** @param data IFLA_INFO_SLAVE_DATA @throws MalformedNetlink */
export function bridgePortWords(data: Data, links: KnownLinks): string {
  const backup = read.u32(data, BACKUP_PORT);
  return joined([...lineWords(PORT, data), backup !== undefined && `backup_port ${links.nameOf(backup)}`]);
}

const lineWords = (lines: readonly Line[], data: Data): (string | undefined)[] =>
  lines.map(([type, word, form]) => {
    const value = data.get(type);
    return value && form(word, value);
  });
