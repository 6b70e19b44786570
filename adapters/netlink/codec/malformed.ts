/** Bytes that are no message of the kind they should be: cut off, or of another length than the UAPI says. */
export class MalformedNetlink extends Error {
  constructor(what: string) {
    super(`netlink: ${what}`);
    this.name = 'MalformedNetlink';
  }
}
