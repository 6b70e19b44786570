# Agent containers of the exec backend: ip and bridge with JSON output (iproute2 5.0 or newer), touch and kill, and a first
# process that ends at once, with 0, on TERM. Runs with capability NET_ADMIN.
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends iproute2 procps && rm -rf /var/lib/apt/lists/*
COPY deploy/images/agent-hold.sh /usr/local/bin/hold
ENTRYPOINT ["/usr/local/bin/hold"]
