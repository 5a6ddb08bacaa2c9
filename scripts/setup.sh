#!/bin/sh
# Prepares a Debian machine: the packages that xl-ts runs on, its npm dependencies, its build, and the example guest.
# Says what it does, and does only what is missing.
#
# usage: scripts/setup.sh [demo|test|xen]
#   demo (the default): enough to run guests; test: also what the tests compare with; xen: enough to build and run the
#   Xen host of the end-to-end tests
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
purpose=${1:-demo}

say() { echo "setup: $1"; }
fail() {
  echo "setup: $1" >&2
  exit 1
}

# Each line: a file that the package brings, and the package.
demo_packages='
/usr/bin/qemu-system-x86_64 qemu-system-x86
/usr/bin/qemu-img           qemu-utils
/bin/busybox                busybox-static
/usr/bin/cpio               cpio
/usr/bin/lz4                lz4
/sbin/mke2fs                e2fsprogs
/usr/bin/xenstore-ls        xenstore-utils
'
test_packages='
/usr/sbin/xenstored         xen-utils-4.17
/usr/bin/shellcheck         shellcheck
/usr/bin/strace             strace
/usr/bin/nbdcopy            libnbd-bin
/usr/bin/man                man-db
/usr/bin/python3            python3
/usr/include/xen/xen.h      libxen-dev
/usr/bin/cc                 gcc
/usr/include/dlfcn.h        libc6-dev
'
xen_packages='
/usr/sbin/debootstrap       debootstrap
/usr/bin/qemu-system-x86_64 qemu-system-x86
/usr/bin/qemu-img           qemu-utils
/sbin/mke2fs                e2fsprogs
/usr/bin/ssh                openssh-client
'

case $purpose in
  demo) wanted=$demo_packages ;;
  test) wanted=$demo_packages$test_packages ;;
  xen) wanted=$xen_packages ;;
  *) fail "usage: scripts/setup.sh [demo|test|xen]" ;;
esac

# --- Debian packages ----------------------------------------------------------------------------------------------
missing=$(echo "$wanted" | while read -r file package; do
  [ -z "$file" ] || [ -e "$file" ] || [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf ' %s' "$package"
done)
if [ -n "$missing" ]; then
  command -v apt-get >/dev/null || fail "these Debian packages are needed, and there is no apt-get here:$missing"
  if [ "$(id -u)" = 0 ]; then
    as_root() { "$@"; }
  elif command -v sudo >/dev/null; then
    as_root() { sudo "$@"; }
  else
    fail "these packages are missing, and only root can install them:$missing"
  fi
  say "installing Debian packages:$missing"
  # The lists may be older than the archive, so they are fetched anew first.
  as_root apt-get -qq update
  wanted=''
  for package in $missing; do
    if apt-cache show "$package" >/dev/null 2>&1; then
      wanted="$wanted $package"
    else
      say "this system has no package $package: what needs it is left out"
    fi
  done
  # shellcheck disable=SC2086 # a list of words
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $wanted >/dev/null
fi

# --- Node -----------------------------------------------------------------------------------------------------------
command -v node >/dev/null || fail 'Node.js 20.19 or newer is needed: https://nodejs.org'
node -e 'const [major, minor] = process.versions.node.split(".").map(Number); process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)' ||
  fail "Node.js 20.19 or newer is needed; this is $(node --version)"

cd "$root"
# npm leaves a copy of the lock file with what it has installed.
installed=node_modules/.package-lock.json
if [ -L node_modules ]; then
  # npm would empty the directory that the link leads to, which others may use as well.
  say 'node_modules is a link, so its packages are left as they are'
elif [ ! -e $installed ] || [ -n "$(find package-lock.json -newer $installed)" ]; then
  say 'installing npm packages'
  npm ci --no-audit --no-fund --loglevel=error
  touch $installed
fi

# --- the build and the example guest --------------------------------------------------------------------------------
if [ -e scripts/build.mjs ]; then node scripts/build.mjs; fi
[ "$purpose" = xen ] || sh scripts/guest.sh
