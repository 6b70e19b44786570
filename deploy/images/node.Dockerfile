# Node worker: the same build with the programs it runs (ip, bridge; nsenter, setpriv, unshare and xargs are in the base image; sysctl).
FROM node:20-bookworm-slim AS build
WORKDIR /podwire
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM node:20-bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends iproute2 procps && rm -rf /var/lib/apt/lists/*
WORKDIR /podwire
COPY --from=build /podwire/package.json ./
COPY --from=build /podwire/node_modules ./node_modules
COPY --from=build /podwire/build ./
CMD ["node", "--enable-source-maps", "workers/node.js"]
