# The hub: `docker build --tag portcullis .`
#
# Another registry's copies of the two bases: --build-arg RUST=… --build-arg DEBIAN=…
ARG RUST=rust:1.95-slim-trixie
ARG DEBIAN=debian:trixie-slim

FROM ${RUST} AS build
# jemalloc is made with make.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# Function names for backtraces, and no more of what debuggers want.
ENV CARGO_PROFILE_RELEASE_STRIP=debuginfo

# The dependencies alone, against an empty program: a layer that stays until Cargo.lock changes.
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p src bench/swarm bench/bare \
    && echo 'fn main() {}' | tee src/main.rs bench/swarm/main.rs >bench/bare/main.rs \
    && touch src/lib.rs \
    && cargo build --release --locked --lib --bins \
    && rm -rf src target/release/.fingerprint/portcullis-*

# The program, with what is compiled into it.
COPY migrations migrations
COPY client-js/dist client-js/dist
COPY src src
RUN cargo build --release --locked --bin portcullis

FROM ${DEBIAN}
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/apt /var/log/dpkg.log \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/portcullis --shell /usr/sbin/nologin portcullis \
    && install --directory --owner=portcullis --group=portcullis --mode=0700 /var/lib/portcullis
COPY --from=build /src/target/release/portcullis /usr/local/bin/portcullis

# By number: a cluster that forbids root wants to see that it is none.
USER 10001:10001
WORKDIR /var/lib/portcullis
ENV PORTCULLIS_DATA_DIR=/var/lib/portcullis \
    PORTCULLIS_HTTP__LISTEN=0.0.0.0:8080 \
    PORTCULLIS_METRICS__LISTEN=0.0.0.0:9464
EXPOSE 8080 9464
# Then it drains: allow `hub.drain` (20 s) and ten seconds before it is killed.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=3 CMD ["portcullis", "healthcheck"]
ENTRYPOINT ["portcullis"]
CMD ["serve"]
