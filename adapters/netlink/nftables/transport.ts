/** What the codecs of this folder need of a netlink socket of the protocol NETLINK_NETFILTER, in the network namespace that is meant. */

export interface NetfilterMessage {
  readonly type: number;
  /** Besides FLAG.REQUEST. */
  readonly flags: number;
  /** Begins with `struct nfgenmsg`. */
  readonly payload: Buffer;
}

export interface NetfilterSocket {
  /**
   * Sends all messages in one datagram, each with a sequence number of its own; the first begins a batch and the last ends it. The kernel has done
   * them, or none of them, when it has taken the datagram; what it answers is there by then. It answers what asks for an acknowledgement and
   * what it refuses, to the batch's beginning what fails at the end. One refusal is enough, whatever else is acknowledged.
   * @throws NetlinkRefused with the first errno that is not 0
   */
  transaction(messages: readonly NetfilterMessage[]): void;
  /** Payload of the one message that answers. @throws NetlinkRefused */
  get(request: { readonly type: number; readonly payload: Buffer }): Buffer;
  /** Payloads of all messages of a dump. @throws NetlinkRefused */
  dump(type: number, payload: Buffer): Buffer[];
}
