import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { editedLink } from '../../../domain/plan/edited-link.ts';
import type { RecordedAttachment, DesiredAttachment } from '../../../domain/plan/observation.ts';
import type { AttachmentTask } from '../../../domain/plan/plan.ts';
import { observed, record, SANDBOX, desired } from './observations.ts';

const edited = (
  recorded: RecordedAttachment,
  task: Partial<AttachmentTask> = {},
  asked: DesiredAttachment = desired('a'),
): boolean =>
  editedLink(
    { interfaceName: 'a', remove: [], attach: { desired: asked, sandboxId: SANDBOX }, ...task },
    observed({ wished: [asked], known: [recorded] }),
    SANDBOX,
  ) === recorded;

describe('an attach changes a link', () => {
  it('where the interface has one that was attached before, also when an earlier change of it is half done', () => {
    assert.ok(edited(record('a')));
    assert.ok(edited(record('a', { phase: 'intent' })));
  });

  it('not where none was ever read back, or the one there is belongs to another sandbox or interface', () => {
    assert.ok(!edited(record('a', { phase: 'intent', completed: false })));
    assert.ok(!edited(record('a', { sandboxId: 'earlier' })));
    assert.ok(!edited(record('b')));
  });

  it('not where the link goes first, or the new network is a CNI network', () => {
    const recorded = record('a');
    assert.ok(!edited(recorded, { remove: [recorded] }));
    assert.ok(!edited(recorded, {}, { ...desired('a'), kind: 'cni' }));
  });
});
