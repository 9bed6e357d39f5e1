# docker build -t fooocus .
# docker run -p 7865:7865 -v fooocus:/data fooocus                    the page: http://localhost:7865
# docker run -it -v fooocus:/data fooocus setup                       fetches the models
# docker run -p 7865:7865 -v /path/to/Fooocus:/data fooocus           uses a Fooocus folder as it is
FROM debian:12-slim AS build
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends ca-certificates make
WORKDIR /src
COPY . .
RUN make deb

FROM debian:12-slim
COPY --from=build /src/build/fooocus_*.deb /tmp/
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends /tmp/fooocus_*.deb \
    && rm -rf /var/lib/apt/lists/* /tmp/fooocus_*.deb \
    && useradd --uid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin fooocus \
    && install -d -o fooocus -g fooocus /data
USER fooocus
# Threads that wait do not spin: see docs/SPEED.md.
ENV FOOOCUS_HOME=/data OMP_WAIT_POLICY=passive
WORKDIR /data
VOLUME /data
EXPOSE 7865
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/7865 && printf 'GET /api/v1/session HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
ENTRYPOINT ["fooocus"]
CMD ["serve", "--listen", "--port", "7865"]
