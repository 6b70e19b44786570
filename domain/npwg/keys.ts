/** What an entry of the annotation may say (NPWG 1.3, section 4.1.2.1). */
export const NPWG_KEYS = [
  'name',
  'namespace',
  'interface',
  'ips',
  'mac',
  'infiniband-guid',
  'bandwidth',
  'portMappings',
  'cni-args',
  'default-route',
  'ipam-claim-reference',
] as const;
export type NpwgKey = (typeof NPWG_KEYS)[number];
