#!/usr/bin/env bash
# Proves docker/Dockerfile with an engine: of what is committed it builds both images, has the one fill a volume with
# weights and the other serve from it, with the flags of docs/deployment.md, until its own health check is content; a film is
# dubbed in it, and it is stopped: exit status 0.
#
#   docker/prove-image.sh         what the images are built from is pulled, unless it is there
#   docker/prove-image.sh made    … is made, where no registry of images can be reached: debian:bookworm-slim by debootstrap,
#                                 rust:1.95-bookworm of that, a compiler and a Rust toolchain
#
# Wants: a Docker engine, 15 GB of its disk, port 18791. For `made`: root, debootstrap, the variables of docker/fresh-root.sh
# and TOOLCHAIN as for docker/prove-quickstart.sh; MIRROR by http, unless CERTIFICATES are named. Images stay, under the
# names of docs/deployment.md and of what was made; the volume and the containers do not.
set -euo pipefail
cd "$(dirname "$0")/.."
. docker/fresh-root.sh
port=18791 volume=sts-proof-models container=sts-proof scratch=$(mktemp -d)
export DOCKER_BUILDKIT=${DOCKER_BUILDKIT:-0} # BuildKit would want what `# syntax=` names from a registry

clean() {
  docker rm --force "$container" >/dev/null 2>&1 || true
  docker volume rm --force "$volume" >/dev/null 2>&1 || true
  rm -r "$scratch"
  remove_root
}

make_bases() {
  local change=() variable toolchain=${TOOLCHAIN:-$(rustc --print sysroot)}
  make_root
  trap clean EXIT
  umount "$root/proc"
  mounts=()
  for variable in "${trust[@]}"; do change+=(--change "ENV $variable"); done
  say "debian:bookworm-slim, made"
  tar -C "$root" -c . | docker import "${change[@]}" --change 'CMD ["bash"]' - debian:bookworm-slim
  say "rust:1.95-bookworm, made"
  mkdir -p "$scratch/rust/toolchain"
  cp -a "$toolchain"/{bin,lib,libexec} "$scratch/rust/toolchain/"
  cat >"$scratch/rust/Dockerfile" <<'END'
FROM debian:bookworm-slim
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    build-essential ca-certificates curl git libssl-dev pkg-config python3 >/dev/null \
 && rm -rf /var/lib/apt/lists/*
COPY toolchain /usr/local/rustup/toolchains/made
RUN mkdir -p /usr/local/cargo/bin \
 && ln -s /usr/local/rustup/toolchains/made/bin/* /usr/local/cargo/bin/
ENV CARGO_HOME=/usr/local/cargo PATH=/usr/local/cargo/bin:$PATH
END
  docker build -q -t rust:1.95-bookworm "$scratch/rust"
}

trap clean EXIT
docker version --format 'engine {{.Server.Version}}'
case "${1:-}" in
  '') ;;
  made) make_bases ;;
  *) echo "docker/prove-image.sh [made]" >&2; exit 2 ;;
esac

say "docker build, of what is committed"
git log -1 --format='%h %s'
git archive HEAD >"$scratch/context.tar"
docker build -f docker/Dockerfile -t sts:cpu - <"$scratch/context.tar"
docker build -f docker/Dockerfile -t sts:fetch --target fetch - <"$scratch/context.tar"
docker image ls sts

say "sts models fetch"
docker run --rm -v "$volume:/models" --read-only --tmpfs /tmp --cap-drop all sts:fetch

say "sts serve"
openssl rand -hex 32 >"$scratch/tokens"
chmod 755 "$scratch"
chmod 444 "$scratch/tokens" # for the image's user
docker run --detach --name "$container" --read-only --tmpfs /tmp --cap-drop all --security-opt no-new-privileges \
  -v "$volume:/models:ro" -p "127.0.0.1:$port:8000" -e WORKER_TOKENS_FILE=/run/secrets/tokens \
  -v "$scratch/tokens:/run/secrets/tokens:ro" --stop-timeout 75 sts:cpu
for _ in $(seq 180); do
  state=$(docker inspect --format '{{.State.Status}} {{.State.Health.Status}}' "$container")
  [ "$state" != "running healthy" ] || break
  [[ $state == running* ]] || break
  sleep 1
done
echo "$state"
[ "$state" = "running healthy" ] || { docker logs "$container" >&2; exit 1; }
[ "$(docker exec "$container" id -u)" = 10001 ]
await "http://127.0.0.1:$port/health/ready" $$ 60

say "a film is dubbed there"
docker exec -i "$container" sh -c 'cat >/tmp/talk.wav' <tests/audio/lj001.wav
docker exec "$container" ffmpeg -nostdin -v error -f lavfi -i testsrc2=size=320x180:rate=25:duration=20 -i /tmp/talk.wav \
  -shortest /tmp/talk.mp4
docker exec -e STS_TOKEN="$(cat "$scratch/tokens")" "$container" sts dub /tmp/talk.mp4 --to es --url http://127.0.0.1:8000
tracks=$(docker exec "$container" ffprobe -v error -show_entries stream=codec_name:stream_tags=language -of csv=p=0 \
  /tmp/talk.dubbed.mp4 | sort | xargs)
echo "$tracks"
[ "$tracks" = "aac,eng aac,spa h264,und mov_text,eng mov_text,spa" ]

say "docker stop"
docker stop "$container" >/dev/null
status=$(docker inspect --format '{{.State.ExitCode}}' "$container")
echo "exit status $status"
[ "$status" = 0 ]
