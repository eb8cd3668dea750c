# One image for the driver, the console, Spark's master and its workers: Python, Java, ffmpeg, the lock, the package.
FROM python:3.11.13-slim-bookworm

RUN apt-get update \
    && apt-get install --yes --no-install-recommends openjdk-17-jre-headless ffmpeg libgomp1 \
    && rm -rf /var/lib/apt/lists/*

# The steps of `make setup setup-cluster`. The lock comes first: what it installs changes seldom, the package often.
WORKDIR /build
COPY requirements.lock .
RUN awk '/^[^ ]/ { on = /^uv==/ } on' requirements.lock > bootstrap.lock \
    && sed '/^# cluster$/,$d' requirements.lock > base.lock \
    && sed '1,/^# cluster$/d' requirements.lock > cluster.lock
RUN pip install --no-cache-dir --no-deps --require-hashes -r bootstrap.lock
RUN uv pip install --system --no-cache --no-deps --require-hashes -r base.lock
RUN uv pip install --system --no-cache --no-deps --require-hashes -r cluster.lock
COPY . .
RUN uv pip install --system --no-cache --no-deps --no-build-isolation .

# A named volume takes over the owner of the folder that it covers: every container then writes the lake as the same user.
RUN useradd --create-home --uid 10001 liner && install --directory --owner liner --group liner /lake
USER liner
WORKDIR /home/liner
VOLUME /lake
ENV LINER_HOME=/lake/home \
    NUMBA_CACHE_DIR=/lake/kernels \
    PYTHONUNBUFFERED=1
CMD ["liner", "--help"]
