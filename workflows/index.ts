/** The one file the workflow bundle starts from. */
export { networkMesh } from './network-mesh/network-mesh.ts';
export { networkObject } from './network-object/network-object.ts';
export { nodeSweep } from './node-sweep/node-sweep.ts';
export { podLook } from './inspect/pod-look.ts';
export { podNetwork } from './pod-network/pod-network.ts';
export { podSandbox } from './pod-sandbox/pod-sandbox.ts';
export { reflect } from './reflect/reflect.ts';
