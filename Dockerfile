# ganvas with all that `make demo` needs. docs/install.md says how to build and run it.
#
# The index that torch comes from decides what it runs on: this one has builds for the CPU alone.
# Empty leaves pip's own, which has builds for NVIDIA GPUs, with the CUDA libraries.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

FROM python:3.11-slim
ARG TORCH_INDEX
# An index besides pip's own: of equal versions, pip takes the one with a suffix (2.13.0+cpu).
ENV PIP_EXTRA_INDEX_URL=${TORCH_INDEX} PIP_NO_CACHE_DIR=1
RUN apt-get update \
    && apt-get install --yes --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home ganvas \
    && install --directory --owner ganvas /ganvas
USER ganvas
WORKDIR /ganvas
COPY --chown=ganvas . .
RUN make setup
ENV PATH=/ganvas/.venv/bin:$PATH
CMD ["make", "demo"]
