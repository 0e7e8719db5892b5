# One image for every app: `docker run xmidt-on-nats apps/scytale/main.ts`. Nothing is compiled: Node
# runs the .ts files (ADR 1), so what is here is what is in the repository.
#
# What is in it and why: docs/compose.md, "The image". No BuildKit is needed.

# The version of package.json's own `node`, so that what was tested is what runs.
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

# Production dependencies only, in a stage of their own: neither npm's cache nor development tools
# come along. None of them has anything to compile; scripts of packages are not run.
FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-update-notifier && rm -rf /root/.npm

FROM ${NODE_IMAGE} AS app
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="XMiDT on NATS" \
      org.opencontainers.image.description="Every app of XMiDT on NATS; the argument says which one runs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV NODE_ENV=production
WORKDIR /app
# Dependencies change seldom and are large, sources often and small: a layer each. Both belong to
# root, so that the process, which is not root, cannot change what it runs.
COPY --from=dependencies /app/node_modules node_modules
COPY . .
# What compose.yaml mounts: a volume that is new takes its owner from the directory in the image.
RUN for name in themis talaria petasos scytale caduceus streams nats-1 nats-2 nats-3 devices tools grafana k6; do mkdir -p /secrets/$name; done \
 && mkdir -p /run/xmidt /stores/nats-1 /stores/nats-2 /stores/nats-3 /stores/petasos /stores/prometheus \
 && chown -R node:node /run/xmidt /secrets /stores && chmod -R 700 /run/xmidt /secrets /stores \
 # Said in the output of each build.
 && echo "in this image, in kB:" \
 && du -sk --total /usr/local/bin/node /app/node_modules /app/apps /app/libs /app/nats /app
USER node
# Node is process 1 and gets the signals itself: apps end in order at SIGTERM (libs/lifecycle/run.ts)
# and start no other processes, so no init is needed.
ENTRYPOINT ["node"]
CMD ["apps/xmidt/main.ts", "--help"]
