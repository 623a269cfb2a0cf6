# The gateway on a read-only root file system, as a user without rights. docs/production.md has more.
#
#   docker build -t telemetry-gateway .
#   docker run --read-only --cap-drop ALL -p 8080:8080 -v gateway-data:/data telemetry-gateway
#
# A tag can be moved to another image; a digest cannot. It is not written down here because it ages
# with every fix of the base: look up today's (`docker buildx imagetools inspect python:3.11-slim`)
# and build with --build-arg BASE=docker.io/library/python:3.11-slim@sha256:…
# Everything else that comes from outside is pinned by its hash in requirements/*.lock.
ARG BASE=docker.io/library/python:3.11-slim

FROM ${BASE} AS build
WORKDIR /build
COPY requirements/build.lock requirements/runtime.lock requirements/
RUN python -m venv /opt/build \
 && python -m venv --without-pip /opt/gateway \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements/build.lock \
 && /opt/build/bin/pip --python /opt/gateway/bin/python \
      install --no-cache-dir --no-compile --require-hashes -r requirements/runtime.lock
COPY pyproject.toml README.md LICENSE ./
COPY gateway gateway
COPY config config
COPY schemas schemas
COPY deploy/image/sbom.py deploy/image/sbom.py
RUN /opt/build/bin/pip wheel --no-cache-dir --no-build-isolation --no-deps --wheel-dir dist . \
 && /opt/build/bin/pip --python /opt/gateway/bin/python \
      install --no-cache-dir --no-compile --no-deps dist/*.whl \
 && /opt/gateway/bin/python -m compileall -q /opt/gateway/lib \
 && /opt/gateway/bin/python deploy/image/sbom.py > /opt/gateway/sbom.cdx.json

FROM ${BASE}
ARG BASE
ARG VERSION=development
ARG REVISION=unknown
LABEL org.opencontainers.image.title="telemetry-gateway" \
      org.opencontainers.image.description="Privacy and delivery gateway for Segment and Mixpanel telemetry" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE}"
RUN groupadd --system --gid 10001 gateway \
 && useradd --system --uid 10001 --gid gateway --no-create-home --shell /usr/sbin/nologin gateway \
 && install -d -o gateway -g gateway -m 0700 /data
COPY --from=build /opt/gateway /opt/gateway
COPY schemas /etc/gateway/schemas
COPY config /etc/gateway/config
ENV PATH=/opt/gateway/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    GATEWAY_LISTEN=0.0.0.0:8080 \
    GATEWAY_DATA_DIR=/data
# By number, so that Kubernetes can see that it is not root.
USER 10001:10001
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
  CMD ["gateway", "health", "--config", "/etc/gateway/config/gateway.yaml"]
# The admin listener stays on the container's loopback until GATEWAY_ADMIN_LISTEN and
# GATEWAY_ADMIN_TOKEN (or GATEWAY_ADMIN_TOKEN_FILE) are set.
ENTRYPOINT ["gateway"]
CMD ["run", "--config", "/etc/gateway/config/gateway.yaml"]
