/** The links of agent pods made as `kubectl exec` in their agent containers. */
import { describe } from 'node:test';
import { EXEC_NAMESPACE } from '../../deploy/lab/podwire.ts';
import { startingPods } from '../lab/agents-start.ts';
import { labTest } from '../lab/harness.ts';

describe('pods with agent containers, backend exec', () => {
  startingPods(labTest('agents', EXEC_NAMESPACE, { PODWIRE_BACKEND_BY_NAMESPACE: `${EXEC_NAMESPACE}=exec` }), 'exec');
});
