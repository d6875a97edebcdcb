# The controller's image: one static program and nothing else, neither a shell nor a libc nor certificates. In a cluster it
# trusts the certificate authority that the kubelet mounts, and it asks for no name.
#
#   docker build --tag kseal-controller:0.1.0 .

FROM rust:1.95.0-bookworm AS build
# The image has this toolchain. rust-toolchain.toml would have rustup fetch clippy and rustfmt, too.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /src
COPY . .
# Linked against glibc as everything that is tested and measured is, and not against musl, whose allocator is slower with
# many threads. Naming a target keeps the flags away from build scripts and macros, which cannot be static. Random bytes come
# from the system call and from no file: a static program cannot look for the call at run time, and would open /dev/urandom.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    set -eu; target="$(rustc --print host-tuple)"; \
    RUSTFLAGS='-C target-feature=+crt-static --cfg getrandom_backend="linux_getrandom"' \
      cargo build --locked --release --package kseal-controller --target "$target"; \
    cp "target/$target/release/kseal-controller" /kseal-controller; \
    ! readelf --program-headers /kseal-controller | grep INTERP

FROM scratch
COPY --from=build /kseal-controller /kseal-controller
# A number, since there is no /etc/passwd, and so that runAsNonRoot can see that it is not root.
USER 65532:65532
EXPOSE 8080 8081
ENTRYPOINT ["/kseal-controller"]
