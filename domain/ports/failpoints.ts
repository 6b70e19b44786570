/** Named places where a test can make a process die, wait or fail; in production hitting one does nothing. */
export interface Failpoints {
  /** @param name `<activity>:before`, `<activity>:after`, or an inner point such as `ensureVxlanLink:after-create`. */
  hit(name: string): Promise<void>;
}
