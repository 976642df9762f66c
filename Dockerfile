# The image of all processes; compose.yaml says which runs what.
FROM python:3.13-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
COPY requirements.lock /tmp/
RUN /venv/bin/pip install --require-hashes -r /tmp/requirements.lock
WORKDIR /app
COPY . .
# The settings want all that production needs; nothing is connected to here.
RUN SECRET_KEY=only-while-the-image-is-built-and-never-when-it-runs-00000000000000 \
    DATABASE_URL=postgresql://nobody@localhost/none REDIS_URL=redis://localhost ALLOWED_HOSTS=localhost \
    STATIC_ROOT=/static /venv/bin/python manage.py collectstatic --noinput --verbosity 0

FROM python:3.13-slim-bookworm
RUN groupadd --gid 10001 expertbook \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin expertbook \
    && install -d -o expertbook -g expertbook /media /backups /metrics
# pg_dump and pg_restore of the version that compose.yaml runs, from PostgreSQL's own packages: Debian's are older.
# No pins: Debian keeps one version of each, the one without the faults that are known.
# hadolint ignore=DL3008
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends ca-certificates postgresql-common \
    && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y \
    && apt-get install -y -qq --no-install-recommends postgresql-client-18 && rm -rf /var/lib/apt/lists/*
COPY --from=build /venv /venv
COPY --from=build /static /static
COPY --from=build /app /app
WORKDIR /app
# Nothing is written but to MEDIA_ROOT, BACKUP_DIR, METRICS_DIR and /tmp: the root file system may be read-only.
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 STATIC_ROOT=/static MEDIA_ROOT=/media BACKUP_DIR=/backups
USER 10001:10001
VOLUME /media /backups /metrics
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(r.Request(f\"http://127.0.0.1:{os.environ.get('PORT', 8000)}/healthz\", headers={'Host': os.environ['ALLOWED_HOSTS'].split(',')[0]}), timeout=2)"]
CMD ["sh", "-c", "exec gunicorn bookingsite.wsgi --bind 0.0.0.0:${PORT:-8000} --workers ${WEB_CONCURRENCY:-2} --threads ${WEB_THREADS:-64} --no-control-socket"]
