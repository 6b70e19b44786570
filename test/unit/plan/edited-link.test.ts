import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { editedLink } from '../../../domain/edited-link.ts';
import type { KnownAttachment, WishedAttachment } from '../../../domain/observation.ts';
import type { Lane } from '../../../domain/plan.ts';
import { observed, record, SANDBOX, wish } from './observations.ts';

const edited = (known: KnownAttachment, lane: Partial<Lane> = {}, asked: WishedAttachment = wish('a')): boolean =>
  editedLink(
    { interfaceName: 'a', remove: [], attach: { wish: asked, sandboxId: SANDBOX }, ...lane },
    observed({ wished: [asked], known: [known] }),
    SANDBOX,
  ) === known;

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
    const known = record('a');
    assert.ok(!edited(known, { remove: [known] }));
    assert.ok(!edited(known, {}, { ...wish('a'), kind: 'cni' }));
  });
});
