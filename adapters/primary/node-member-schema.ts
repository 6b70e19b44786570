/** What a member of the mesh between nodes looks like in etcd and on the disk. */
import { z } from 'zod';
import { familyOf } from '../../domain/vxlan/link-mtu.ts';
import { ipCodec } from '../ip/ip-codec.ts';

const ofBothFamilies = (texts: readonly string[]): boolean => new Set(texts.map(familyOf)).size === texts.length;

const address = z.string().refine((text) => ipCodec.address(text)?.canonical === text, 'must be an IP address');
const subnet = z.string().refine((text) => ipCodec.network(text)?.canonical === text, 'must be address/prefix');

/** One of each family at most. */
export const nodeAddressesSchema = z.array(address).max(2).refine(ofBothFamilies, 'must be of two families').readonly();

export const nodeMemberSchema = z.object({
  node: z.string().min(1),
  addresses: nodeAddressesSchema,
  /** Unicast: the lowest bit of the first byte is clear. */
  mac: z.string().regex(/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/, 'must be a unicast MAC in lower-case hex'),
  subnets: z.array(subnet).min(1).max(2).refine(ofBothFamilies, 'must be of two families').readonly(),
});
