/** What pools leave in etcd that no node sees to. Every method may fail with EtcdUnavailable. */
export interface PoolUpkeep {
  /** Names of nodes whose interfaces have addresses of pools. */
  nodes(): Promise<readonly string[]>;
  /** Removes records of addresses that have rested: they are free with it and without it. */
  forgetRested(): Promise<void>;
}
