/** The pod subnets of a node, on its disk. */
export interface PodSubnetsDisk {
  /** `address/prefix`, one of each family at most; undefined: never written for this node. Fails with RecordInvalid. */
  read(node: string): Promise<readonly string[] | undefined>;
  write(node: string, subnets: readonly string[]): Promise<void>;
}
