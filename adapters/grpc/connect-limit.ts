/**
 * A gRPC channel whose attempts to connect have a limit.
 *
 * grpc-js has none, and TCP gives up after two minutes by Linux's default. An attempt that was begun while a Service changed its pod
 * is bound to the old pod by connection tracking, so it hangs that long although the new pod answers.
 */
import {
  Channel,
  connectivityState,
  type ChannelCredentials,
  type ChannelOptions,
  type ClientOptions,
} from '@grpc/grpc-js';
import { closeUnusedSoon } from './unused-connections.ts';

/** From the first call that finds the channel without a connection. A server that answers takes milliseconds. */
const LIMIT_MS = 5_000;

type GrpcChannel = ReturnType<NonNullable<ClientOptions['channelFactoryOverride']>>;

/** Options of a client that begins to connect anew, from nothing, each time it has not come to a connection within 5 s. */
export const withConnectLimit = (options: ChannelOptions): ChannelOptions & ClientOptions => ({
  ...options,
  channelFactoryOverride: (address, credentials, o) => new LimitedChannel(address, credentials, o),
});

/**
 * Attempts and connections are shared by all channels of a process whose options are the same. A new channel is not to wait for the attempt
 * of the old one, so each has an option of its own, which gRPC does not know.
 */
const OWN = 'podwire.channel';
let channels = 0;

class LimitedChannel implements GrpcChannel {
  readonly #open: () => GrpcChannel;
  #inner: GrpcChannel;
  #closed = false;
  #limit: NodeJS.Timeout | undefined;

  constructor(address: string, credentials: ChannelCredentials, options: ChannelOptions) {
    this.#open = () => this.#followed(new Channel(address, credentials, { ...options, [OWN]: (channels += 1) }));
    this.#inner = this.#open();
  }

  createCall(...of: Parameters<GrpcChannel['createCall']>): ReturnType<GrpcChannel['createCall']> {
    if (!this.#isConnected()) this.#limit ??= setTimeout(() => this.#look(), LIMIT_MS).unref();
    return this.#inner.createCall(...of);
  }

  #isConnected(): boolean {
    return this.#inner.getConnectivityState(false) === connectivityState.READY;
  }

  /** Calls that wait for the old attempt end as `UNAVAILABLE`, which every caller repeats. */
  #look(): void {
    this.#limit = undefined;
    if (this.#closed || this.#isConnected()) return;
    const old = this.#inner;
    this.#inner = this.#open();
    old.close();
  }

  /** A channel that goes idle leaves its connection to whoever closes unused ones. */
  #followed(channel: GrpcChannel): GrpcChannel {
    const follow = (before: connectivityState): void =>
      channel.watchConnectivityState(before, Infinity, () => {
        const now = channel.getConnectivityState(false);
        if (now === connectivityState.SHUTDOWN) return;
        if (before === connectivityState.READY) closeUnusedSoon();
        follow(now);
      });
    follow(channel.getConnectivityState(false));
    return channel;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#limit);
    this.#inner.close();
  }

  getTarget(): string {
    return this.#inner.getTarget();
  }

  getConnectivityState(tryToConnect: boolean): connectivityState {
    return this.#inner.getConnectivityState(tryToConnect);
  }

  watchConnectivityState(...of: Parameters<GrpcChannel['watchConnectivityState']>): void {
    this.#inner.watchConnectivityState(...of);
  }

  getChannelzRef(): ReturnType<GrpcChannel['getChannelzRef']> {
    return this.#inner.getChannelzRef();
  }
}
