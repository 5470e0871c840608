#!/usr/bin/env bash
# Proves, without an engine for images, what docker/Dockerfile does: makes a fresh Debian root, runs the same two scripts
# for it, and has the program there say that all is well and serve, as a user who is not root, and dub a film, as root.
#
#   docker/prove-root.sh          what docker/Dockerfile makes
#   docker/prove-root.sh cuda     what docker/Dockerfile.cuda makes; on a machine without a GPU it computes on the CPU, and
#                                 that the CUDA libraries are whole is what docker/install.sh makes sure of
#
#   docker/prove-root.sh fetch    what its target `fetch` makes: the user fetches the synthesiser, by pip and by npm;
#                                 nothing is served
#
# Wants: root, debootstrap, `make models` done before. The variables of docker/fresh-root.sh say how registries are reached.
set -euo pipefail
cd "$(dirname "$0")/.."
. docker/fresh-root.sh
port=18790
store=$(cd "${MODELS_DIR:-models/store}" && pwd -P)

make_root
lend "$store" models

say "what the image installs"
install -D docker/system-packages.sh "$root/tmp/system-packages.sh"
inside /tmp/system-packages.sh run
[ "${1:-}" = cuda ] && device=cuda || device=cpu
docker/install.sh "$root/opt/sts" "$device"
inside useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin sts
du -sh --one-file-system "$root"

as_user=(setpriv --reuid 10001 --regid 10001 --clear-groups)
if [ "${1:-}" = fetch ]; then
  say "sts models fetch"
  inside /tmp/system-packages.sh fetch
  install -d -o 10001 -g 10001 "$root/tmp/fetched"
  inside "${as_user[@]}" env "${trust[@]}" MODELS_DIR=/tmp/fetched /opt/sts/bin/sts models fetch kokoro-82m
  inside "${as_user[@]}" env MODELS_DIR=/tmp/fetched /opt/sts/bin/sts models list
  exit
fi
say "sts doctor"
inside "${as_user[@]}" env MODELS_DIR=/models /opt/sts/bin/sts doctor

say "sts serve, as a user who is not root"
exec 3>"$root/tmp/log"
chroot "$root" /usr/bin/env -i PATH=/usr/bin:/bin MODELS_DIR=/models PORT=$port OPS_PORT=0 "${as_user[@]}" /opt/sts/bin/sts serve 2>&3 &
service=$! # each of these becomes the next: it is sts itself
await "http://127.0.0.1:$port/health/ready" "$service" 120 || { cat "$root/tmp/log"; exit 1; }

say "a film is dubbed there"
install -m 644 tests/audio/lj001.wav "$root/tmp/talk.wav"
inside ffmpeg -nostdin -v error -f lavfi -i testsrc2=size=320x180:rate=25:duration=20 -i /tmp/talk.wav -shortest /tmp/talk.mp4
inside /opt/sts/bin/sts dub /tmp/talk.mp4 --to es --url "http://127.0.0.1:$port"
inside ffprobe -v error -show_entries stream=codec_type,codec_name:stream_tags=language:format=duration -of compact /tmp/talk.dubbed.mp4

say "SIGTERM"
kill -TERM "$service"
wait "$service"
echo "exit status 0"
