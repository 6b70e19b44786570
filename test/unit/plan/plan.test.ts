import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { plan } from '../../../domain/plan/plan.ts';
import { lines, observed, record, SANDBOX, desired } from './observations.ts';

describe('a running pod', () => {
  it('gets what it asks for, in the order of its annotation', () => {
    assert.deepEqual(lines(observed({ wished: [desired('c'), desired('a'), desired('b')] })), ['+c', '+a', '+b']);
  });

  it('is left alone when everything is as it asks', () => {
    assert.deepEqual(lines(observed({ wished: [desired('a')], known: [record('a')] })), []);
  });

  it('loses what it does not ask for any more before it gets something new', () => {
    const observation = observed({ wished: [desired('new')], known: [record('old')] });
    assert.deepEqual(lines(observation), ['-old', '+new']);
  });

  it('keeps the link when only its addresses change', () => {
    const observation = observed({ wished: [desired('a', 'a', 'other/t')], known: [record('a')] });
    assert.deepEqual(lines(observation), ['+a']);
  });

  it('gets a new link in the place of the old one when VNI, port or parent change', () => {
    const observation = observed({
      wished: [desired('a', 'a', 'other/other'), desired('b')],
      known: [record('a'), record('gone')],
    });
    assert.deepEqual(lines(observation), ['-gone', '+a', '+b']);
    const decided = plan(observation);
    assert.equal(decided.kind === 'tasks' && decided.tasks.find(({ attach }) => attach?.swaps)?.interfaceName, 'a');
  });

  it('keeps the old link while the new tunnel of its network is refused', () => {
    const refused = { ...desired('a', 'a', 'other/other'), refused: { code: 'VniTaken', message: 'taken' } };
    assert.deepEqual(lines(observed({ wished: [refused], known: [record('a')] })), []);
  });

  it('loses the old link first when an attach with another tunnel was never read back', () => {
    const begun = record('a', { phase: 'intent', completed: false });
    assert.deepEqual(lines(observed({ wished: [desired('a', 'a', 'other/other')], known: [begun] })), ['±a']);
  });

  it('gets a new link when the interface name now belongs to another network', () => {
    const observation = observed({ wished: [desired('a', 'blue')], known: [record('a')] });
    assert.deepEqual(lines(observation), ['±a']);
  });

  it('finishes an attach that was begun', () => {
    const begun = record('a', { phase: 'intent', completed: false });
    assert.deepEqual(lines(observed({ wished: [desired('a')], known: [begun] })), ['+a']);
  });

  it('finishes a removal that was begun, although the network is wished again', () => {
    const begun = record('a', { phase: 'removing' });
    assert.deepEqual(lines(observed({ wished: [desired('a')], known: [begun] })), ['±a']);
    assert.deepEqual(lines(observed({ wished: [desired('a')], known: [begun], keep: ['a'] })), ['±a']);
  });

  it('is not asked again for what was refused, and what a first attach left of it is removed', () => {
    const refused = { ...desired('a'), refused: { code: 'LinkConflict', message: 'taken' } };
    const begun = record('a', { phase: 'intent', completed: false });
    assert.deepEqual(lines(observed({ wished: [refused] })), []);
    assert.deepEqual(lines(observed({ wished: [refused], known: [begun] })), ['-a']);
  });

  it('keeps a network whose declaration is missing or broken', () => {
    assert.deepEqual(lines(observed({ known: [record('a')], keep: ['a'] })), []);
  });

  it('keeps everything when the annotation as a whole cannot be read', () => {
    assert.deepEqual(lines(observed({ known: [record('a')], keepAll: true })), []);
  });

  it('stays in the network of the cluster when its declaration vanished and the pod names the same id itself', () => {
    const declared = record('a', { network: { scope: 'cluster', name: 'a' } });
    assert.deepEqual(lines(observed({ wished: [desired('a')], known: [declared] })), []);
    assert.deepEqual(lines(observed({ wished: [desired('a', 'a', 'x/other')], known: [declared] })), ['±a']);
  });

  it('does not lose a kept network to another one that asks for the same interface', () => {
    const observation = observed({ wished: [desired('a', 'blue')], known: [record('a')], keep: ['a'] });
    assert.deepEqual(lines(observation), []);
  });
});

describe('a network that was edited', () => {
  const refused = { code: 'InvalidLink', message: 'the kernel refuses it' };
  const edit = { ...desired('a', 'a', 'edited/t'), refused };
  const begun = record('a', { ...desired('a', 'a', 'edited/t'), phase: 'intent', hasLastGood: true });

  it('keeps its link when the edit was refused, also beside the refused wish of another dialect', () => {
    const rival = { ...desired('a', 'rival', 'cni/cni'), kind: 'cni' as const, refused };
    assert.deepEqual(lines(observed({ wished: [edit], known: [record('a')] })), []);
    assert.deepEqual(lines(observed({ wished: [rival, edit], known: [record('a')] })), []);
  });

  it('gets back what it had when the edit is not to be carried through: refused, or not to be read any more', () => {
    assert.deepEqual(lines(observed({ wished: [edit], known: [begun] })), ['~a']);
    assert.deepEqual(lines(observed({ known: [begun], keep: ['a'] })), ['~a']);
    const swap = { ...desired('a', 'a', 'other/other'), refused };
    assert.deepEqual(lines(observed({ wished: [swap], known: [begun] })), ['~a']);
  });

  it('gets what it asks for now, without a way back in between', () => {
    assert.deepEqual(lines(observed({ wished: [desired('a', 'a', 'edited/t')], known: [begun] })), ['+a']);
    assert.deepEqual(lines(observed({ wished: [desired('a')], known: [begun] })), ['+a']);
  });

  it('loses its link when it is not named any more, and when another network is refused under its interface', () => {
    assert.deepEqual(lines(observed({ known: [begun] })), ['-a']);
    const other = { ...desired('a', 'other'), refused };
    assert.deepEqual(lines(observed({ wished: [other], known: [record('a')] })), ['-a']);
  });

  it('is not touched while its pod waits, or while nobody knows its sandbox', () => {
    assert.deepEqual(lines(observed({ wished: [edit], known: [begun], presence: 'waiting' })), []);
    assert.deepEqual(lines(observed({ wished: [edit], known: [begun], sandboxId: undefined })), []);
  });
});

describe('the sandbox', () => {
  it('is looked up when something is to be attached and nobody knows it', () => {
    assert.deepEqual(lines(observed({ wished: [desired('a')], sandboxId: undefined })), ['lookup-sandbox']);
  });

  it('is not looked up for a pod that has all it asks for, or only loses something', () => {
    assert.deepEqual(lines(observed({ wished: [desired('a')], known: [record('a')], sandboxId: undefined })), []);
    assert.deepEqual(lines(observed({ known: [record('a')], sandboxId: undefined })), ['-a']);
  });

  it('that was made anew gets everything again, and what the old one had goes', () => {
    const old = record('a', { sandboxId: 'old' });
    assert.deepEqual(lines(observed({ wished: [desired('a')], known: [old, record('b', { sandboxId: 'old' })] })), [
      '-b',
      '±a',
    ]);
  });

  it('is the one that an attach is for', () => {
    const decided = plan(observed({ wished: [desired('a')] }));
    assert.ok(decided.kind === 'tasks');
    assert.equal(decided.tasks[0]?.attach?.sandboxId, SANDBOX);
  });
});

describe('a pod that does not run', () => {
  for (const presence of ['absent', 'ended', 'host-network'] as const) {
    it(`loses everything when it is ${presence}, whatever it asks for`, () => {
      const observation = observed({
        presence,
        wished: [desired('a')],
        known: [record('a'), record('b')],
        keep: ['b'],
      });
      assert.deepEqual(lines(observation), ['-a', '-b']);
    });
  }

  it('loses nothing and gets nothing while it waits for a node or an address', () => {
    const observation = observed({
      presence: 'waiting',
      wished: [desired('a')],
      known: [record('b'), record('c', { phase: 'removing' })],
    });
    assert.deepEqual(lines(observation), []);
  });

  it('that came back on another node loses what it had on the first', () => {
    const elsewhere = record('a', { node: 'node-2' });
    assert.deepEqual(lines(observed({ wished: [desired('a')], known: [elsewhere] })), ['±a']);
  });
});
