# One image for every process of ours: scorer, trainer, the simulated CAD and the commands that set things up.
#
# A private index or a proxy: docker build --build-arg PIP_INDEX_URL=... (HTTPS_PROXY needs no ARG). Such an argument
# stays in the first stage, which is not shipped.
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS build
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/libraries
ENV PATH=/opt/libraries/bin:$PATH
WORKDIR /source
COPY requirements-image.lock .
# The libraries' own tests and C++ headers are an eighth of their size.
RUN pip install --require-hashes --only-binary :all: -r requirements-image.lock \
 && find /opt/libraries/lib -type d \( -name tests -o -path '*/pyarrow/include' \) -prune -exec rm -r {} +
COPY . .
# Beside the libraries and not among them: a change of ours renews a layer of a megabyte, not one of 700.
RUN pip install --no-deps --no-build-isolation --target /opt/severity . \
 && pip uninstall --yes --quiet hatchling pathspec pluggy trove-classifiers pip setuptools

FROM ${PYTHON_IMAGE}
# The folders that a volume is mounted on: a new volume takes over their owner.
RUN useradd --uid 10001 --home-dir /var/lib/severity --no-create-home --shell /usr/sbin/nologin severity \
 && cd /var/lib && mkdir --mode 750 severity && cd severity \
 && mkdir --mode 750 dataset keys releases state trusted && chown -R severity:severity .
COPY --from=build /opt/libraries /opt/libraries
COPY --from=build /opt/severity /opt/severity
# Nothing is written beside the code: what numba compiles goes where state is kept, and a new volume begins with it.
ENV PATH=/opt/severity/bin:/opt/libraries/bin:$PATH \
    PYTHONPATH=/opt/severity \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    NUMBA_CACHE_DIR=/var/lib/severity/state/kernels \
    MPLCONFIGDIR=/tmp/matplotlib
USER severity
WORKDIR /var/lib/severity
COPY deploy/compose/compile_kernels.py /opt/
RUN python /opt/compile_kernels.py
ENTRYPOINT ["severity"]
CMD ["--help"]
