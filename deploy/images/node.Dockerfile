# Node worker: the build of the control plane with the programs that it and CNI plugins run. Temporal's SDK needs glibc: Debian, not Alpine.
# Stages up to "build" are the same, word by word, in control-plane.Dockerfile, so that both images share their builder's cache and their large layers.
# What is built, smallest change last: node itself (with the base image), modules (with the lockfile), podwire (with the sources).
# A registry or a proxy of one's own goes in as a secret, which is in no layer: --secret id=npmrc,src=…, id=ca, id=apt.
ARG NODE_IMAGE=docker.io/library/node:24-bookworm-slim
ARG DEBIAN_IMAGE=docker.io/library/debian:bookworm-slim

# Symbol tables of node and of Temporal's core are 25 MB that nothing at run time reads.
FROM ${NODE_IMAGE} AS tools
RUN --mount=type=secret,id=apt,target=/etc/apt/apt.conf.d/99builder apt-get update && \
    apt-get install -y --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
RUN mkdir -p /runtime/usr/local/bin && strip -o /runtime/usr/local/bin/node /usr/local/bin/node

FROM tools AS modules
WORKDIR /podwire
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=secret,id=npmrc,target=/usr/local/etc/npmrc --mount=type=secret,id=ca,target=/run/secrets/ca npm ci --ignore-scripts

FROM modules AS production
COPY deploy/images/production-modules.ts deploy/images/
RUN npm sbom --sbom-type=application --sbom-format=cyclonedx > /tmp/sbom.json && \
    node_modules/.bin/tsx deploy/images/production-modules.ts /tmp/sbom.json /production/podwire && \
    find /production -name '*.node' -exec strip '{}' ';'

# Types are checked before a commit is merged, not here.
FROM modules AS build
COPY tsconfig.json tsconfig.build.json ./
COPY domain ./domain
COPY workflows ./workflows
COPY activities ./activities
COPY adapters ./adapters
COPY config ./config
COPY workers ./workers
COPY watcher ./watcher
COPY cli ./cli
COPY deploy/images/tsconfig.json deploy/images/
# For crash tests only: --build-arg FAILPOINTS=true leaves in what makes a process die, wait or fail at places that a file names.
ARG FAILPOINTS=""
RUN node_modules/.bin/tsc -p deploy/images && node_modules/.bin/tsx workers/build-bundle.ts && \
    { test -n "$FAILPOINTS" || rm build/adapters/host/crash-failpoints.js; } && \
    mkdir -p /application/usr/local/bin && mv build /application/podwire && cp package.json /application/podwire/ && \
    chmod 755 /application/podwire/cli/main.js && ln -s /podwire/cli/main.js /application/usr/local/bin/podwire

# One file that needs nothing but glibc, with Bun's runtime in it. It is 110 MB: its layer changes with what it is made of, not with all of podwire.
FROM modules AS plugin
COPY adapters/process ./adapters/process
COPY domain/cni ./domain/cni
COPY domain/cni-server ./domain/cni-server
COPY domain/text ./domain/text
COPY cni ./cni
RUN npm run build:cni -- /plugin/podwire/cni/podwire-cni

# The programs come after the modules, so that the layers below them are those of the control plane's image.
FROM ${DEBIAN_IMAGE}
COPY --from=tools /runtime/ /
COPY --from=production /production/ /
RUN --mount=type=secret,id=apt,target=/etc/apt/apt.conf.d/99builder apt-get update && \
    apt-get install -y --no-install-recommends iproute2 iptables kmod nftables procps util-linux && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin
COPY --from=plugin /plugin/ /
COPY --from=build /application/ /
WORKDIR /podwire
CMD ["node", "workers/node.js"]
ARG BUILD_COMMIT=""
ARG BUILD_DATE=""
ENV PODWIRE_BUILD_COMMIT=${BUILD_COMMIT} PODWIRE_BUILD_DATE=${BUILD_DATE}
LABEL org.opencontainers.image.title="podwire node worker" \
      org.opencontainers.image.description="Node worker of podwire: durable pod networking for Kubernetes" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${BUILD_COMMIT}" \
      org.opencontainers.image.created="${BUILD_DATE}"
