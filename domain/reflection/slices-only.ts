/** What stands for the Endpoints object of a service that only has EndpointSlices. */
export class SlicesOnly {
  readonly slices: readonly unknown[];

  /** @param slices all of the service, as the API gives them */
  constructor(slices: readonly unknown[]) {
    this.slices = slices;
  }
}
