# farlet's image: one bundle, Node and what Node is linked with. No shell, no packages, no root.
#
#   docker build --build-arg COMMIT="$(git rev-parse HEAD)" -t farlet .
#
# Both bases are arguments, so that a registry of your own, or digests, can be named. The first needs npm and a
# shell; the second only Node at /nodejs/bin/node and what it is linked with.
ARG BUILD_BASE=docker.io/library/node:24-bookworm-slim
ARG BASE=gcr.io/distroless/nodejs24-debian12:nonroot

FROM ${BUILD_BASE} AS build
WORKDIR /farlet
COPY package.json package-lock.json ./
# scripts of packages are not run: what the build uses needs none. A registry with a login: --secret id=npmrc
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
COPY . .
ARG COMMIT=unknown
RUN FARLET_COMMIT="$COMMIT" node scripts/build.ts && node scripts/sbom.ts > dist/sbom.cdx.json && rm dist/*.map

FROM ${BASE}
ARG VERSION=unknown
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="farlet" \
  org.opencontainers.image.description="A kubelet for hosts that have a container runtime but no kubelet" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${COMMIT}"
COPY --from=build /farlet/LICENSE /farlet/package.json /opt/farlet/
COPY --from=build /farlet/proto /opt/farlet/proto
COPY --from=build /farlet/dist /opt/farlet/dist
WORKDIR /opt/farlet
USER 65532:65532
ENV NODE_ENV=production
EXPOSE 9464 10248 10250
ENTRYPOINT ["/nodejs/bin/node", "/opt/farlet/dist/main.js"]
CMD ["run", "--config", "/etc/farlet/farlet.yaml"]
