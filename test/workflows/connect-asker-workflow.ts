/** The least that a worker can be asked for. */
export async function answer(): Promise<void> {}
