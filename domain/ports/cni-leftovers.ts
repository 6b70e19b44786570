/** What other programs keep on the node about CNI attachments, in formats that are theirs. */

/** One address that the plugin host-local has given away. */
export interface Reservation {
  readonly network: string;
  readonly address: string;
  /** Empty: the file was cut off when the machine stopped, and says nothing. */
  readonly sandboxId: string;
  readonly interfaceName: string;
}

/** One attachment in libcni's cache; podwire writes none. */
export interface CacheFile {
  readonly file: string;
  readonly sandboxId: string;
  readonly interfaceName: string;
  readonly network: string;
}

export interface CniLeftovers {
  /** Bounded in number; folders that are not there are empty. */
  reservations(): Promise<readonly Reservation[]>;
  cacheFiles(): Promise<readonly CacheFile[]>;
  /** False: it says something else by now. @throws PodwireError KernelBusy while its plugin works on this network */
  removeReservation(reservation: Reservation): Promise<boolean>;
  removeCacheFile(file: CacheFile): Promise<boolean>;
}
