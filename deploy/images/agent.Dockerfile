# Agent containers of the exec backend: ip and bridge with JSON output (iproute2 5.0 or newer), touch and kill, and a first
# process that ends at once, with 0, on TERM. Runs with capability NET_ADMIN.
ARG DEBIAN_IMAGE=docker.io/library/debian:bookworm-slim
FROM ${DEBIAN_IMAGE}
RUN --mount=type=secret,id=apt,target=/etc/apt/apt.conf.d/99builder apt-get update && \
    apt-get install -y --no-install-recommends iproute2 procps && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin
COPY deploy/images/agent-hold.sh /usr/local/bin/hold
ENTRYPOINT ["/usr/local/bin/hold"]
ARG BUILD_COMMIT=""
ARG BUILD_DATE=""
LABEL org.opencontainers.image.title="podwire agent" \
      org.opencontainers.image.description="Agent containers of podwire's exec backend" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${BUILD_COMMIT}" \
      org.opencontainers.image.created="${BUILD_DATE}"
