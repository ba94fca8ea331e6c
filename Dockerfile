# The bot as a container; docker-compose.yml says how to run it.
#
# Any image with Python >= 3.11, its venv module and Debian's packages will do as a base.
ARG BASE_IMAGE=python:3.12-slim-bookworm

FROM ${BASE_IMAGE} AS build
WORKDIR /src
# The dependencies first: this layer stays as long as these files do.
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN python3 -m venv /opt/study-bot \
    && /opt/study-bot/bin/pip install --no-cache-dir --constraint constraints.txt .
COPY bot bot
COPY cogs cogs
COPY playground playground
COPY migrations migrations
RUN /opt/study-bot/bin/pip install --no-cache-dir --no-deps --force-reinstall .

FROM ${BASE_IMAGE}
# The font is for pictures with Japanese in them.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates fonts-noto-cjk \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin study-bot \
    && install --directory --owner=study-bot --group=study-bot --mode=0700 /data \
    # Where the lab's engine proxy puts its socket: a volume that it shares with the bot.
    && install --directory --owner=study-bot --group=study-bot --mode=0770 /run/engine
COPY --from=build /opt/study-bot /opt/study-bot
# The root file system may be read-only: all that lasts goes to /data, the rest to /tmp.
ENV PATH=/opt/study-bot/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    STUDY_BOT_DATA=/data
USER study-bot
WORKDIR /data
VOLUME /data
# The bot touches this file every 15 seconds while its event loop turns.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=2 \
    CMD test -n "$(find "$STUDY_BOT_DATA/alive" -mmin -1)"
ENTRYPOINT ["study-bot"]
CMD ["run"]
