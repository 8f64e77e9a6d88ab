# configsplit without Keras: cut, convert, inspect, and batches over whole zoos.
#
#     docker build -t configsplit .
#     docker run --rm -v "$PWD/models:/models:ro" -v "$PWD/work:/work" configsplit \
#         batch recipe.yaml --zoo /models --out results
#
# /work must be writable by the user 10001, or run with --user "$(id -u):$(id -g)".

FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml setup.py constraints.txt README.md LICENSE ./
COPY configsplit ./configsplit
COPY custom_objects ./custom_objects
COPY schemas ./schemas
RUN python -m venv /opt/configsplit \
    && /opt/configsplit/bin/pip install --no-cache-dir --disable-pip-version-check -c constraints.txt ".[batch,remote]"

FROM python:3.13-slim
LABEL org.opencontainers.image.title="configsplit" \
      org.opencontainers.image.description="Cut any Keras model file at any layer: exactly, with proof, and without Keras" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/configsplit /opt/configsplit
ENV PATH="/opt/configsplit/bin:$PATH" PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin configsplit \
    && install -d -o 10001 -g 10001 /work
WORKDIR /work
USER 10001
ENTRYPOINT ["configsplit"]
CMD ["--help"]
