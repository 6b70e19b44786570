/** No API can be asked, for what a kubeconfig says or because there is none; its message is for the person who configures podwire. */
export class KubeConfigError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'KubeConfigError';
  }
}

/** No kubeconfig is named, and there is no service account in its place. */
export class NoKubeConfigError extends KubeConfigError {
  constructor() {
    super('This is no pod, so there is no service account to use. Give --kubeconfig (PODWIRE_KUBECONFIG).');
  }
}
