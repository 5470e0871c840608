#!/usr/bin/env bash
# Proves that a stranger gets from nothing to a dubbed film by docs/quickstart.md: in a fresh Debian with what the page says
# that the reader has, and a copy of what is committed, the page's blocks are run as they stand in its source, in two
# shells, as a reader has two terminals. What the page says is printed is compared, and the film is judged.
#
#   docker/prove-quickstart.sh               does it: some 20 minutes on two cores, 900 MB fetched, 12 GB of disk meanwhile
#   docker/prove-quickstart.sh list          the blocks that it runs, by their marks
#   docker/prove-quickstart.sh block MARK    one of the page's blocks, by the beginning of its mark
#
# Wants: root, debootstrap, a Rust toolchain; ports 8000 and 8001. The variables of docker/fresh-root.sh say how Debian's
# packages are reached. Those of others are reached as the clients do by themselves, or as files say, which are put where
# the clients of a fresh Debian look: PIP_CONFIGURATION, NPM_CONFIGURATION (an .npmrc), CARGO_CONFIGURATION (a config.toml).
# TOOLCHAIN names the folder of the toolchain, in which bin/cargo is (the caller's own).
set -euo pipefail
cd "$(dirname "$0")/.."
. docker/fresh-root.sh
page=docs/quickstart.md

has="not run: it installs packages"
# The reader's two terminals; in the first one the service stays in the foreground.
first=(
  "not run: it fetches 900 MB"
  "run: doctor"
  "run: configure"
  "run: tokens"
  "not run: it stays in the foreground"
)
second=(
  "run: health"
  "run: dub"
  "run: film"
  "run: live"
  "not run: it fetches packages"
  "run: clients"
  "run: secrets"
  "run: port"
  "run: voice"
  "run: gpu"
  "run: memory"
)

block() { # MARK: what the block holds that stands below the one comment which begins so
  awk -v comment="<!-- $1" '
    /^```/ { inside = !inside && below; found += inside; below = 0; next }
    inside { print; next }
    { below = index($0, comment) == 1 }
    END { if (found != 1) { print comment ": " found + 0 " blocks" >"/dev/stderr"; exit 1 } }' "$page"
}

case "${1:-}" in
  '') ;;
  list) printf '%s\n' "$has" "${first[@]}" "${second[@]}"; exit ;;
  block) block "$2"; exit ;;
  *) echo "docker/prove-quickstart.sh [list | block MARK]" >&2; exit 2 ;;
esac

script() { # MARK…: what is typed into a terminal, each block below a line that names it
  local mark
  echo 'set -euo pipefail; exec 2>&1'
  for mark in "$@"; do
    echo "echo '== $mark'"
    block "$mark"
  done
}

terminal() { # LOG SCRIPT: a shell of the reader's, in the checkout
  inside "${trust[@]}" HOME=/root PATH="/opt/rust/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
    bash -c "cd /root/sts && exec bash $2" > >(tee "$1")
}

holds() { # NAME LOG: whether the block printed what the page says, line by line, where … stands for anything
  local expected pattern printed
  # Read whole before it is compared: a block that is not there ends this.
  expected=$(block "prints: $1")
  awk -v mark="== run: $1" '/^== / { inside = $0 == mark; next } inside' "$2" | sed 's/[[:space:]]*$//' >"$root/tmp/printed"
  exec 4<"$root/tmp/printed"
  while IFS= read -r line; do
    pattern=$(sed 's/[][*?\\]/\\&/g; s/…/*/g' <<<"$line")
    while :; do
      IFS= read -r printed <&4 || { echo "'$1' did not print: $line" >&2; return 1; }
      # Unquoted: a pattern.
      [[ $printed != $pattern ]] || break
    done
  done <<<"$expected"
}

for port in 8000 8001; do
  [ -z "$(ss -Hltn "sport = :$port")" ] || { echo "port $port is taken" >&2; exit 1; }
done
toolchain=${TOOLCHAIN:-$(rustc --print sysroot)}
make_root

say "a copy of what is committed"
git log -1 --format='%h %s'
mkdir "$root/root/sts"
git archive HEAD | tar -x -C "$root/root/sts"
page=$root/root/sts/$page

say "what the reader has"
# The reader says yes.
echo 'APT::Get::Assume-Yes "true"; quiet "2";' >"$root/etc/apt/apt.conf.d/91yes"
block "$has" | inside DEBIAN_FRONTEND=noninteractive bash -eu >/dev/null
lend "$toolchain" opt/rust
inside /opt/rust/bin/cargo --version
inside python3 --version
inside node --version
place() { [ -z "$1" ] || install -D -m 600 "$1" "$root/$2"; } # FILE PLACE
place "${PIP_CONFIGURATION:-}" etc/pip.conf
place "${NPM_CONFIGURATION:-}" root/.npmrc
place "${CARGO_CONFIGURATION:-}" root/.cargo/config.toml

say "the first terminal"
script "${first[@]}" >"$root/tmp/first"
script "${second[@]}" >"$root/tmp/second"
terminal "$root/tmp/first.log" /tmp/first &
reader=$!
await http://127.0.0.1:8000/health/ready "$reader" 5400

say "the second terminal"
terminal "$root/tmp/second.log" /tmp/second

say "what was printed"
for mark in "${first[@]}" "${second[@]}"; do
  name=${mark#run: }
  grep -q "^<!-- prints: $name -->" "$page" || continue
  [[ " ${first[*]} " == *" $mark "* ]] && log=first || log=second
  holds "$name" "$root/tmp/$log.log"
  echo "$name: as the page says"
done

say "the film"
film=/root/sts/talk.dubbed.mp4
inside ffprobe -v error -show_entries stream=codec_type,codec_name,duration:stream_tags=language -of compact=p=0 "$film"
tracks() { # KIND: its tracks in their order, codec and language; pictures have no language
  inside ffprobe -v error -select_streams "$1" -show_entries stream=codec_name:stream_tags=language -of csv=p=0 "$film"
}
is() { [ "$2" = "$3" ] || { echo "$1: '$2' in place of '$3'" >&2; return 1; }; } # WHAT FOUND EXPECTED
is pictures "$(tracks v | cut -d, -f1)" h264
# As asked for, then the original.
is sounds "$(tracks a | xargs)" "aac,spa aac,por aac,eng"
is subtitles "$(tracks s | sort | xargs)" "mov_text,eng mov_text,por mov_text,spa"
sums=
for track in 0 1 2; do
  loudness=$(inside ffmpeg -nostdin -hide_banner -i "$film" -map "0:a:$track" -af volumedetect -f null - 2>&1 |
    sed -n 's/.*mean_volume: \(.*\) dB/\1/p')
  length=$(inside ffprobe -v error -select_streams "a:$track" -show_entries stream=duration -of csv=p=0 "$film")
  echo "sound $track: $length s, $loudness dB"
  awk -v loudness="$loudness" -v length_s="$length" \
    'BEGIN { exit !(loudness > -50 && loudness < 0 && length_s > 19.9 && length_s < 20.1) }' ||
    { echo "sound $track: silent, or not 20 s long" >&2; exit 1; }
  sums+=$(inside ffmpeg -nostdin -v error -i "$film" -map "0:a:$track" -f md5 -)$'\n'
done
is "sounds that differ" "$(sort -u <<<"${sums%$'\n'}" | wc -l)" 3
for language in en es pt; do
  cues=$(grep -c -- ' --> ' "$root/root/sts/talk.dubbed.$language.srt") || true
  echo "subtitles in $language: $cues"
  [ "$cues" -gt 0 ]
done
du -sh --one-file-system "$root"

say "SIGTERM"
for process in $(inhabitants); do
  [ "$(cat "/proc/$process/comm")" != sts ] || kill -TERM "$process"
done
# The shell waits for what runs in its foreground, and ends as that does.
wait "$reader"
echo "exit status 0"
