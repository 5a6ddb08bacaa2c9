#!/usr/bin/env bash
# Builds the Xen host's machine: a Debian 12 dom0 with Xen 4.17 as one disk image, Xen and dom0's kernel to boot it with,
# and the test guests inside. The packages come from where this machine's own apt has its from.
#
# usage: build.sh CACHE NODE    as root, in a mount namespace of its own (build.ts sees to it)
# shellcheck disable=SC2016 # what is in single quotes is for another shell, or for apt
set -euo pipefail
umask 022
export LC_ALL=C PATH=$PATH:/sbin:/usr/sbin

here=$(cd "$(dirname "$0")" && pwd)
cache=$1
node=$2
base=$cache/base
boot=$cache/boot
suite=bookworm
packages='xen-utils-4.17 xenstore-utils qemu-system-xen qemu-utils seabios kmod iproute2 iputils-ping e2fsprogs
  bridge-utils busybox-static dropbear-bin strace procps util-linux libstdc++6 cpio xz-utils'

say() { echo "xen-host: $1" >&2; }
fail() {
  say "$1"
  exit 1
}
# logged WHAT COMMAND…: its output is only of interest where it fails.
logged() {
  local what=$1
  shift
  say "$what"
  "$@" >"$cache/build.log" 2>&1 || {
    tail -n 20 "$cache/build.log" >&2
    fail "that failed; all of its output is in $cache/build.log"
  }
}

# --- packages ------------------------------------------------------------------------------------------------------

# Debian's own lines among this machine's sources, for the suite and its updates.
sources() {
  apt-get indextargets --format '$(ORIGIN)|$(RELEASE)|$(COMPONENT)|$(REPO_URI)' 'Created-By: Packages' |
    awk -F'|' -v suite="$suite" '$1 == "Debian" && index($2, suite) == 1 { print "deb " $4 " " $2 " " $3 }' | sort -u
}

install_packages() {
  chroot "$base" sh -euc '
    apt-get -q update
    DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "$@"
    # Unpacked, not installed: their scripts would make an initrd and a boot menu.
    mkdir /var/tmp/kernel
    cd /var/tmp/kernel
    kernel=$(apt-cache depends linux-image-amd64 | sed -n "s/^ *Depends: \(linux-image-[^ ]*\)$/\1/p" | head -n 1)
    apt-get -q -o APT::Sandbox::User=root download xen-hypervisor-4.17-amd64 "$kernel"
    for package in *.deb; do dpkg-deb -x "$package" tree; done
    cp tree/boot/vmlinuz-* tree/boot/xen-4.17-amd64.gz /boot/
    mkdir -p /usr/lib/modules
    cp -a tree/lib/modules/. /usr/lib/modules/
    cd /
    rm -r /var/tmp/kernel
    depmod "$(ls /usr/lib/modules)"
    apt-get clean
    rm -rf /var/lib/apt/lists/* /usr/share/doc /usr/share/man /usr/share/locale /usr/share/info
  ' sh "$@"
}

make_base() {
  local mirror
  [ -n "$(sources)" ] || logged 'fetching the lists of packages' apt-get update
  mirror=$(sources | awk -v suite="$suite" '$3 == suite && $4 == "main" && !found++ { print $2 }')
  [ -n "$mirror" ] || fail "apt has no source of Debian's $suite main, which dom0 is made of (/etc/apt/sources.list)"
  rm -rf "$base"
  logged "unpacking Debian $suite from $mirror" debootstrap --variant=minbase "$suite" "$base" "$mirror"
  sources >"$base/etc/apt/sources.list"
  # A proxy that this machine needs is needed inside as well; nothing may be started there.
  apt-config dump | grep -E '^Acquire::https?::' >"$base/etc/apt/apt.conf.d/90host" || true
  cp /etc/resolv.conf /etc/hosts "$base/etc/"
  printf '#!/bin/sh\nexit 101\n' >"$base/usr/sbin/policy-rc.d"
  chmod 755 "$base/usr/sbin/policy-rc.d"
  # shellcheck disable=SC2086 # a list of words
  logged 'installing Xen and its tools' install_packages $packages
  rm "$base/etc/apt/apt.conf.d/90host"
}

# --- kernels and initramfs -------------------------------------------------------------------------------------------

# unpacked KERNEL: the ELF inside a bzImage (Linux x86 boot protocol, 2.08). Xen need not unpack it then, which is slow
# where the CPU is emulated.
unpacked() {
  local setup start length magic
  setup=$((($(number "$1" 497 1) + 1) * 512))
  start=$((setup + $(number "$1" 584 4)))
  # The last four bytes are the unpacked size, which is not xz's.
  length=$(($(number "$1" 588 4) - 4))
  magic=$(od -A n -t x1 -j "$start" -N 6 "$1" | tr -d ' ')
  [ "$magic" = fd377a585a00 ] || fail "dom0's kernel is packed by something other than xz: it begins with $magic"
  dd if="$1" bs=1M iflag=skip_bytes,count_bytes skip="$start" count="$length" status=none | chroot "$base" xz -dc
}
# number FILE OFFSET BYTES
number() { od -A n -t "u$3" -j "$2" -N "$3" "$1" | tr -d ' '; }

# initramfs INIT MODULE…: busybox, the script, and the modules with what they need, in the order of loading.
initramfs() {
  local init=$1 tree path kernel
  shift
  kernel=$(ls "$base/usr/lib/modules")
  tree=$(mktemp -d "$base/var/tmp/initramfs.XXXXXX")
  chmod 755 "$tree"
  mkdir "$tree"/{bin,dev,proc,sys,mnt,modules,root,tmp}
  cp "$base/bin/busybox" "$tree/bin/"
  chroot "$base" busybox --list | while read -r applet; do
    [ "$applet" = busybox ] || ln -s busybox "$tree/bin/$applet"
  done
  install -m 755 "$init" "$tree/init"
  chroot "$base" modprobe -a -S "$kernel" --show-depends "$@" |
    # The emulated CPU has not got what crc32c-intel is for.
    awk '$1 == "insmod" && !/crc32c-intel/ && !seen[$2]++ { print $2 }' | while read -r path; do
    cp "$base$path" "$tree/modules/"
    basename "$path" >>"$tree/modules/order"
  done
  chroot "$base" sh -c 'cd "$1" && find . | sort | cpio -o -H newc -R 0:0 --quiet' sh "${tree#"$base"}"
  rm -r "$tree"
}

# --- what is ours ---------------------------------------------------------------------------------------------------

make_dom0() {
  local kernel
  kernel=$(ls "$base/usr/lib/modules")
  say 'unpacking the kernel'
  zcat "$base/boot/xen-4.17-amd64.gz" >"$boot/xen"
  unpacked "$base/boot/vmlinuz-$kernel" >"$boot/vmlinux"
  initramfs "$here/dom0/init" virtio_pci virtio_blk ext4 crc32c_generic >"$boot/initrd"

  say 'writing the files of dom0'
  install -m 755 "$node" "$base/usr/bin/node"
  chroot "$base" env -i node -e 0 || fail "this machine's $node does not run on Debian $suite"
  mkdir -p "$base"/{etc/xen-host,etc/dropbear,root/.ssh,var/log/xen,var/lib/xen,mnt}
  install -m 755 "$here/dom0/rc" "$here/dom0/first-steps" "$base/etc/xen-host/"
  printf '::sysinit:/etc/xen-host/rc\nhvc0::respawn:-/bin/sh\n' >"$base/etc/inittab"
  echo xenhost >"$base/etc/hostname"
  echo '127.0.0.1 localhost xenhost' >"$base/etc/hosts"
  : >"$base/etc/resolv.conf"
  # Autoballooning would take memory from a dom0 that has just enough.
  sed -i 's/^#*autoballoon=.*/autoballoon="off"/' "$base/etc/xen/xl.conf"
  # In by this key alone.
  sed -i 's/^root:[^:]*:/root:*:/' "$base/etc/shadow"
  [ -e "$cache/key" ] || ssh-keygen -q -t ed25519 -N '' -C xen-host -f "$cache/key"
  chmod 700 "$base/root" "$base/root/.ssh"
  install -m 600 "$cache/key.pub" "$base/root/.ssh/authorized_keys"
  [ -e "$base/etc/dropbear/host_key" ] ||
    logged 'making its key' chroot "$base" dropbearkey -t ed25519 -f /etc/dropbear/host_key
}

make_guests() {
  local guests=$base/guests disks=$base/guests/disks number
  say 'making the guests'
  rm -rf "$guests"
  mkdir -p "$disks"
  cp "$here"/guest/*.cfg "$guests/"
  cp "$boot/vmlinux" "$guests/vmlinux"
  cp "$base"/boot/vmlinuz-* "$guests/vmlinuz"
  initramfs "$here/guest/init" xen_blkfront xen_netfront >"$guests/initrd"
  image() { # NAME SIZE FIRST-LINE
    echo "$3" >"$disks/$1"
    truncate -s "$2" "$disks/$1"
  }
  image raw.img 64M 'raw image'
  image loop.img 32M 'loop image'
  image extra.img 16M 'extra image'
  for number in 1 2; do image "cd$number.iso" 2M "disc $number"; done
  chroot "$base" qemu-img create -q -f qcow2 /guests/disks/disk.qcow2 40M
  chroot "$base" qemu-img create -q -f qcow2 /guests/disks/extra.qcow2 24M
  boot_sector "$disks/hvm.img"
  truncate -s 48M "$disks/hvm.img"
}

# A boot sector that says a line on the first serial port and halts:
#   7c00  xor ax,ax; mov ds,ax; cld; mov dx,0x3f8; mov si,0x7c16
#   7c0b  lodsb; test al,al; jz 7c13; out dx,al; jmp 7c0b
#   7c13  hlt; jmp 7c13
boot_sector() {
  local code='\x31\xc0\x8e\xd8\xfc\xba\xf8\x03\xbe\x16\x7c\xac\x84\xc0\x74\x03\xee\xeb\xf8\xf4\xeb\xfd'
  local line='guest: boot sector ready\r\n\0'
  # shellcheck disable=SC2059 # the bytes are the format
  printf "$code$line" >"$1"
  truncate -s 510 "$1"
  printf '\x55\xaa' >>"$1"
}

make_image() {
  say 'making the disk image'
  rm -f "$boot/dom0.raw"
  truncate -s 4G "$boot/dom0.raw"
  mke2fs -q -t ext4 -O '^has_journal,^metadata_csum' -E lazy_itable_init=1,root_owner=0:0 -L dom0 -d "$base" "$boot/dom0.raw"
  qemu-img convert -f raw -O qcow2 "$boot/dom0.raw" "$boot/dom0.qcow2"
  rm "$boot/dom0.raw"
}

mkdir -p "$cache" "$boot"
# The packages stay as they are when only our own files have changed.
recipe=$(echo "$suite $packages" | cat - <(declare -f make_base install_packages) | cksum)
if [ "$(cat "$cache/base.recipe" 2>/dev/null)" != "$recipe" ]; then
  rm -f "$cache/base.recipe"
  make_base
  echo "$recipe" >"$cache/base.recipe"
fi
make_dom0
make_guests
make_image
