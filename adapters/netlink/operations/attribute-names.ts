/** Names of the attributes of each family, for what the kernel refuses. */
import { ADDRESS_ATTRIBUTE_NAMES, ADDRESS_HEADER } from '../codec/address.ts';
import { LINK_ATTRIBUTE_NAMES, LINK_HEADER } from '../codec/link.ts';
import { NEIGHBOUR_ATTRIBUTE_NAMES, NEIGHBOUR_HEADER } from '../codec/neighbour.ts';
import { ROUTE_ATTRIBUTE_NAMES, ROUTE_HEADER } from '../codec/route.ts';
import type { AttributeNames } from '../refused.ts';

export const LINK_NAMES: AttributeNames = { header: LINK_HEADER, names: LINK_ATTRIBUTE_NAMES };
export const ADDRESS_NAMES: AttributeNames = { header: ADDRESS_HEADER, names: ADDRESS_ATTRIBUTE_NAMES };
export const ROUTE_NAMES: AttributeNames = { header: ROUTE_HEADER, names: ROUTE_ATTRIBUTE_NAMES };
export const NEIGHBOUR_NAMES: AttributeNames = { header: NEIGHBOUR_HEADER, names: NEIGHBOUR_ATTRIBUTE_NAMES };
