/** The one file the workflow bundle starts from. */
export { networkMesh } from './network-mesh.ts';
export { nodeSweep } from './node-sweep.ts';
export { podNetwork } from './pod-network.ts';
export { reflect } from './reflect.ts';
