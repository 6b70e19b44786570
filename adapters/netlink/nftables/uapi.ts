/** Numbers of linux/netfilter/nf_tables.h and nfnetlink.h, as far as podwire's tables need them. All integers are in network byte order. */

/** NFNL_SUBSYS_NFTABLES. */
export const SUBSYSTEM = 10;

/** nfnetlink.h: what stands between them is one transaction. */
export const BATCH = { BEGIN: 0x10, END: 0x11 } as const;

const message = (number: number): number => (SUBSYSTEM << 8) | number;

/** enum nf_tables_msg_types, as types of netlink messages. */
export const NFT_MSG = {
  NEWTABLE: message(0),
  GETTABLE: message(1),
  DELTABLE: message(2),
  NEWCHAIN: message(3),
  GETCHAIN: message(4),
  NEWRULE: message(6),
  GETRULE: message(7),
  DELRULE: message(8),
  NEWSET: message(9),
  GETSET: message(10),
  NEWSETELEM: message(12),
  GETSETELEM: message(13),
  DELSETELEM: message(14),
  GETGEN: message(16),
  GETOBJ: message(19),
  GETFLOWTABLE: message(23),
} as const;

/** linux/netfilter.h. */
export const NFPROTO = { UNSPEC: 0, INET: 1, IPV4: 2, NETDEV: 5, IPV6: 10 } as const;
export const NF_INET = { PRE_ROUTING: 0, LOCAL_IN: 1, FORWARD: 2, POST_ROUTING: 4 } as const;
/** NF_NETDEV_INGRESS of linux/netfilter.h. */
export const NETDEV_INGRESS = 0;
export const VERDICT = { DROP: 0, ACCEPT: 1 } as const;

/** NFTA_TABLE_…; the name is 1 wherever objects are asked for by their table. */
export const TABLE = { NAME: 1, FLAGS: 2, USE: 3, HANDLE: 4, PAD: 5, OWNER: 7 } as const;
/** NFTA_CHAIN_… */
export const CHAIN = {
  TABLE: 1,
  HANDLE: 2,
  NAME: 3,
  HOOK: 4,
  POLICY: 5,
  USE: 6,
  TYPE: 7,
  PAD: 9,
  FLAGS: 10,
  USERDATA: 12,
} as const;
/** NFTA_HOOK_… */
export const HOOK = { NUMBER: 1, PRIORITY: 2, DEVICE: 3 } as const;
/** NFTA_RULE_… */
export const RULE = { TABLE: 1, CHAIN: 2, HANDLE: 3, EXPRESSIONS: 4, PAD: 8, CHAIN_ID: 11 } as const;
/** NFTA_SET_… */
export const SET = {
  TABLE: 1,
  NAME: 2,
  FLAGS: 3,
  KEY_TYPE: 4,
  KEY_LENGTH: 5,
  ID: 10,
  USERDATA: 13,
  PAD: 14,
  HANDLE: 16,
  EXPRESSIONS: 18,
} as const;
/** NFTA_SET_ELEM_LIST_… */
export const ELEMENTS = { TABLE: 1, SET: 2, LIST: 3, SET_ID: 4 } as const;
/** NFTA_SET_ELEM_… */
export const ELEMENT = { KEY: 1, FLAGS: 3, EXPRESSIONS: 11 } as const;
/** NFTA_LIST_ELEM. */
export const LIST_ELEMENT = 1;
/** NFTA_DATA_… */
export const DATA = { VALUE: 1, VERDICT: 2 } as const;
/** NFTA_VERDICT_CODE. */
export const VERDICT_CODE = 1;
/** NFTA_EXPR_… */
export const EXPRESSION = { NAME: 1, DATA: 2 } as const;
