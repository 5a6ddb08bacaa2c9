#!/bin/sh
# Makes the golden command lines anew from the real xl: XL_ORACLE=DIR record.sh [CASE...]
#
# DIR is a writable copy of an oracle that runs an unmodified xl 4.17 on a pretend hypervisor: `run-xl.sh create -p FILE`
# leaves in $ORACLE_LOG the device model's argv (qemu-argv.jsonl, without the binary) and xl's debug log (out.log).
# Every case is a folder with domain.cfg; next to it come argv.txt, an option and its argument a line, and env.txt.
# Configurations speak of files in /images, which need not exist: they are made in a temporary directory, by their
# endings (.img and .iso 1 MiB of zeros, .qcow2 and .vhd by qemu-img, anything else one line of text).
set -eu
: "${XL_ORACLE:?must name the oracle}"
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ORACLE_LOG="$work/log"

make_image() {
  case $1 in
    *.qcow2) qemu-img create -q -f qcow2 "$1" 1M ;;
    *.vhd) qemu-img create -q -f vpc "$1" 1M ;;
    *.img | *.iso) truncate -s 1M "$1" ;;
    *) echo 'not a real file' > "$1" ;;
  esac
}

record() {
  name=$1
  rm -rf "$work/images" "$ORACLE_LOG"
  mkdir -p "$work/images"
  grep -o '/images/[A-Za-z0-9._-]*' "$here/$name/domain.cfg" | sort -u | while read -r image; do
    make_image "$work$image"
  done
  {
    sed "s|/images/|$work/images/|g" "$here/$name/domain.cfg"
    echo 'device_model_version = "qemu-xen"'
    echo "device_model_override = \"$XL_ORACLE/fake-qemu\""
  } > "$work/domain.cfg"
  # Without the variable libxl adds the limit that it would otherwise leave alone. Interfaces may fail where there is no
  # bridge; by then QEMU has been started and its command line is there.
  env -u XEN_QEMU_CONSOLE_LIMIT "$XL_ORACLE/run-xl.sh" create -p "$work/domain.cfg" > /dev/null || true
  [ -s "$ORACLE_LOG/qemu-argv.jsonl" ] || {
    echo "$name: xl started no QEMU" >&2
    grep ' error: ' "$ORACLE_LOG/out.log" >&2
    return 1
  }
  # shellcheck disable=SC2016 # The dollar is JavaScript's.
  node -e '
    const [word, ...rest] = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
    const lines = rest.reduce((all, next) => {
      if (next.startsWith("-")) return [...all, next];
      return [...all.slice(0, -1), `${all.at(-1)} ${next}`];
    }, [word]);
    console.log(lines.join("\n"));
  ' < "$ORACLE_LOG/qemu-argv.jsonl" | sed "s|$work/images/|/images/|g" > "$here/$name/argv.txt"
  sed -n '/additional environment:/,/libxl_event/s/^.*libxl__spawn_local_dm: Domain [0-9]*:  \([A-Z_]*=.*\)$/\1/p' \
    "$ORACLE_LOG/out.log" | LC_ALL=C sort > "$here/$name/env.txt"
  echo "$name"
}

if [ $# -eq 0 ]; then
  for folder in "$here"/*/; do
    set -- "$@" "$(basename "$folder")"
  done
fi
for name in "$@"; do
  record "$name"
done
