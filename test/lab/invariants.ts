/**
 * What must always hold, one validator each; the names are those of the design. Each compares the API's wishes, podwire's
 * records and the kernel, and throws an error that begins with the invariant's name.
 *
 * | name         | says                                                                                              |
 * |--------------|---------------------------------------------------------------------------------------------------|
 * | ExactlyOne   | a live pod has exactly one right link for each network it asks for, and no other link of ours     |
 * | NothingLeaked| records, reservations, members, links, files and open runs are those that living pods' wishes imply|
 * | NothingLost  | what a running pod wishes for is attached, or was refused for a reason that is still there        |
 * | CniGrammar   | an interface gets (ADD CHECK* DEL+)*, one operation at a time for a sandbox, DEL with ADD's config |
 * | MeshComplete | each member floods to every other member, once, and to nobody else                                |
 * | StatusTruth  | the published status says what the kernel says                                                    |
 * | IntentFirst  | there is no link of ours without a record, at any moment                                          |
 */
export { exactlyOne } from './exactly-one.ts';
export { intentFirst } from './intent-first.ts';
export { meshComplete } from './mesh-complete.ts';
export { nothingLeaked } from './nothing-leaked.ts';
export { nothingLost } from './nothing-lost.ts';
export { statusTruth } from './status-truth.ts';
