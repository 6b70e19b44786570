# Watcher and orchestrator. Temporal's SDK needs glibc: Debian, not Alpine.
FROM node:20-bookworm-slim AS build
WORKDIR /podwire
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM node:20-bookworm-slim
WORKDIR /podwire
COPY --from=build /podwire/package.json ./
COPY --from=build /podwire/node_modules ./node_modules
COPY --from=build /podwire/build ./
USER 65532
CMD ["node", "--enable-source-maps", "workers/orchestrator.js"]
