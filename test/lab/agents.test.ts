/** The links of agent pods made by the node worker; those made by `kubectl exec` are in test/installed. */
import { describe } from 'node:test';
import { startingPods } from './agents-start.ts';
import { labTest } from './harness.ts';

describe('pods with agent containers, backend node', () => startingPods(labTest('agents'), 'node'));
