# oauth-sidecar as an image: docs/operating.md, "In a container". Nothing secret is in it: configuration, keys and
# certificates are mounted.

ARG PYTHON_IMAGE=docker.io/library/python:3.13-slim

# The builder has the tools and the sources; the image that runs gets its finished virtual environment only.
FROM ${PYTHON_IMAGE} AS builder
WORKDIR /src
COPY deploy/build-requirements.txt deploy/
RUN ["python", "-m", "venv", "/build"]
RUN ["/build/bin/pip", "install", "--quiet", "--no-cache-dir", "--require-hashes", "--only-binary=:all:", "-r", "deploy/build-requirements.txt"]
# The environment is made where it will stand: its scripts name their interpreter by path. First what changes seldom,
# held to the hashes of uv.lock; then the sidecar, with the build backend that was installed by hash above.
# Compiled here: the image may not write bytecode later, and each health check is a process of its own.
ENV UV_PROJECT_ENVIRONMENT=/opt/oauth-sidecar UV_PYTHON_DOWNLOADS=never UV_NO_CACHE=1 UV_COMPILE_BYTECODE=1
COPY pyproject.toml uv.lock ./
RUN ["/build/bin/uv", "sync", "--quiet", "--frozen", "--no-dev", "--no-build", "--no-install-project", "--python", "python"]
COPY README.md LICENSE ./
COPY proxy proxy
RUN ["/build/bin/python", "-m", "hatchling", "build", "-t", "wheel", "-d", "/wheel"]
RUN ["sh", "-c", "exec /build/bin/uv pip install --quiet --no-deps --offline --python /opt/oauth-sidecar/bin/python /wheel/*.whl"]

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="oauth-sidecar" \
      org.opencontainers.image.description="An OAuth sidecar for interactive data apps" \
      org.opencontainers.image.licenses="MIT"
# Root owns the program; the sidecar may write its store and nothing else. Numbers, so that Kubernetes' runAsNonRoot sees
# that it is not root.
RUN ["install", "-d", "-o", "10001", "-g", "10001", "-m", "0700", "/var/lib/oauth-sidecar"]
COPY --from=builder /opt/oauth-sidecar /opt/oauth-sidecar
ENV PATH=/opt/oauth-sidecar/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /etc/oauth-sidecar
USER 10001:10001
VOLUME ["/var/lib/oauth-sidecar"]
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=10s --start-period=20s --retries=3 \
    CMD ["oauth-sidecar", "healthcheck", "-c", "/etc/oauth-sidecar/config.yaml"]
ENTRYPOINT ["oauth-sidecar"]
CMD ["serve", "-c", "/etc/oauth-sidecar/config.yaml"]
