# To be sourced: makes a fresh Debian bookworm, in which something is proved, and takes it away at the end.
#
# Wants root and debootstrap. MIRROR names a Debian mirror (deb.debian.org), APT_CONFIGURATION a file of settings by which
# apt reaches it from inside, CERTIFICATES a file of certificates to trust besides, where a proxy has its own.

root='' mounts=() trust=()

say() { echo "== $*"; }

# COMMAND…: run in the root, with nothing of the caller's environment.
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp "$@"; }

# Processes that live in the root, an id a line.
inhabitants() {
  local process
  for process in /proc/[0-9]*; do
    [ "$(readlink "$process/root" 2>/dev/null)" != "$root" ] || echo "${process#/proc/}"
  done
}

# Ends what lives there, the processes that a command left behind too.
end_inhabitants() {
  local signal
  for signal in TERM KILL; do
    for _ in $(seq 50); do
      left=($(inhabitants))
      [ ${#left[@]} -gt 0 ] || return 0
      [ -z "$signal" ] || kill -s "$signal" "${left[@]}" 2>/dev/null || true
      signal=''
      sleep 0.2
    done
  done
}

remove_root() {
  local mount left
  [ -n "$root" ] || return 0
  end_inhabitants
  wait 2>/dev/null || true
  for mount in "${mounts[@]}"; do umount "$root/$mount" || true; done
  # What is still mounted is not ours to remove.
  if grep -qF " $root/" /proc/self/mounts; then
    echo "$root is still in use, and left" >&2
  else
    rm -rf --one-file-system "$root"
  fi
}

make_root() {
  root=$(cd "$(mktemp -d)" && pwd -P)
  trap remove_root EXIT
  chmod 755 "$root" # others than root live in it
  say "a fresh Debian bookworm"
  debootstrap --variant=minbase bookworm "$root" "${MIRROR:-https://deb.debian.org/debian}" >/dev/null
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  # A mirror that is reached by a proxy or by rules of its own is reached so from inside too.
  [ -z "${APT_CONFIGURATION:-}" ] || cp "$APT_CONFIGURATION" "$root/etc/apt/apt.conf.d/"
  mount -t proc proc "$root/proc"
  mounts+=(proc)
  if [ -n "${CERTIFICATES:-}" ]; then
    install -m 644 "$CERTIFICATES" "$root/etc/certificates.pem"
    echo 'Acquire::https::CaInfo "/etc/certificates.pem";' >"$root/etc/apt/apt.conf.d/90certificates"
    trust=({PIP_CERT,NODE_EXTRA_CA_CERTS,CARGO_HTTP_CAINFO}=/etc/certificates.pem)
  fi
}

# FOLDER PLACE: a folder of the caller's, in the root under a path without the first slash, not to be written.
lend() {
  mkdir -p "$root/$2"
  mount --bind "$1" "$root/$2"
  mounts+=("$2")
  mount -o remount,bind,ro "$root/$2"
}

# URL PROCESS SECONDS: waits for an answer of 2xx, which is printed, while the process lives.
await() {
  local deadline=$((SECONDS + $3))
  until curl -fs --max-time 5 "$1"; do
    kill -0 "$2" 2>/dev/null || { echo "ended before $1 answered" >&2; return 1; }
    [ "$SECONDS" -lt "$deadline" ] || { echo "$1: no answer within $3 s" >&2; return 1; }
    sleep 1
  done
  echo
}
