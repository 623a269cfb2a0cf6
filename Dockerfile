# The gateway on a read-only root file system, as a user without rights:
#
#   docker build -t telemetry-gateway .
#   docker run --read-only --cap-drop ALL -p 8080:8080 -v gateway-data:/data \
#     -e GATEWAY_ADMIN_TOKEN=… telemetry-gateway
FROM python:3.11-slim AS build
WORKDIR /build
COPY requirements/runtime.lock requirements/runtime.lock
RUN python -m venv /opt/gateway \
 && /opt/gateway/bin/pip install --no-cache-dir --no-compile --require-hashes -r requirements/runtime.lock
COPY pyproject.toml README.md LICENSE ./
COPY gateway gateway
COPY config config
COPY schemas schemas
RUN /opt/gateway/bin/pip install --no-cache-dir --no-compile --no-deps . \
 && /opt/gateway/bin/python -m compileall -q /opt/gateway/lib \
 && /opt/gateway/bin/pip uninstall --yes --quiet pip setuptools

FROM python:3.11-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin gateway \
 && install -d -o gateway -g gateway -m 0700 /data
COPY --from=build /opt/gateway /opt/gateway
COPY schemas /etc/gateway/schemas
COPY config /etc/gateway/config
ENV PATH=/opt/gateway/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    GATEWAY_LISTEN=0.0.0.0:8080 \
    GATEWAY_DATA_DIR=/data
USER gateway
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["gateway", "health", "--config", "/etc/gateway/config/gateway.yaml"]
# The admin listener stays on the container's loopback until GATEWAY_ADMIN_LISTEN and
# GATEWAY_ADMIN_TOKEN are set.
ENTRYPOINT ["gateway"]
CMD ["run", "--config", "/etc/gateway/config/gateway.yaml"]
