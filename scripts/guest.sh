#!/bin/sh
# Makes the example guest in .cache/guest: a kernel (Debian's cloud kernel, not installed on this machine), an initramfs
# of busybox, a root disk and a data disk. Does nothing where they are there already.
#
# usage: scripts/guest.sh [DIRECTORY]
set -eu
umask 022

here=$(cd "$(dirname "$0")" && pwd)
to=${1:-$(dirname "$here")/.cache/guest}
# A guest made by another version of these scripts is made anew.
recipe=$(cat "$0" "$here"/guest/* | cksum)

if [ "$(cat "$to/recipe" 2>/dev/null)" = "$recipe" ]; then exit 0; fi

fail() {
  echo "guest.sh: $1" >&2
  exit 1
}
for tool in apt-get dpkg-deb cpio gzip mke2fs qemu-img; do
  PATH=$PATH:/sbin:/usr/sbin command -v "$tool" >/dev/null || fail "$tool is missing: run scripts/setup.sh first"
done
PATH=$PATH:/sbin:/usr/sbin

mkdir -p "$(dirname "$to")"
# Two at once would remove each other's work; the second then finds everything made.
exec 9>"$to.lock"
flock 9
if [ "$(cat "$to/recipe" 2>/dev/null)" = "$recipe" ]; then exit 0; fi

work=$(mktemp -d "$(dirname "$to")/guest.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$work/deb" "$work/guest" "$work/tree"

# --- the packages: unpacked here, not installed -----------------------------------------------------------------
package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[^ ]*\)$/\1/p' | head -n 1)
[ -n "$package" ] || fail "apt does not know linux-image-cloud-amd64: run 'apt-get update' on a Debian machine"
echo "guest.sh: fetching $package"
# As root apt wants to fetch as the user _apt, which may not write here; fetching as ourselves is right.
(cd "$work/deb" && apt-get -q -o APT::Sandbox::User=root download "$package" >apt.log 2>&1) ||
  { cat "$work/deb/apt.log" >&2 && fail "$package cannot be fetched"; }
dpkg-deb -x "$work/deb/$package"_*.deb "$work/deb/kernel"
if [ -x /bin/busybox ] && ! ldd /bin/busybox >/dev/null 2>&1; then
  busybox=/bin/busybox
else
  (cd "$work/deb" && apt-get -q -o APT::Sandbox::User=root download busybox-static >apt.log 2>&1) ||
    { cat "$work/deb/apt.log" >&2 && fail 'busybox-static cannot be fetched'; }
  dpkg-deb -x "$work/deb"/busybox-static_*.deb "$work/deb/busybox"
  busybox=$(find "$work/deb/busybox" -type f -name busybox | head -n 1)
fi

# --- the kernel -------------------------------------------------------------------------------------------------
# A compressed kernel unpacks itself in the guest, which costs half a second where the CPU is emulated. So it is
# unpacked here, if it is LZ4's: where the payload lies is in the header (Linux x86 boot protocol, 2.08).
image=$(echo "$work"/deb/kernel/boot/vmlinuz-*)
field() { od -A n -t "u$3" -j "$2" -N "$3" "$1" | tr -d ' '; }
setup=$((($(field "$image" 497 1) + 1) * 512))
start=$((setup + $(field "$image" 584 4)))
# The last four bytes are the unpacked size, which is not part of the LZ4 stream.
length=$(($(field "$image" 588 4) - 4))
tail -c "+$((start + 1))" "$image" | head -c "$length" >"$work/payload" || true
if [ "$(od -A n -t x1 -N 4 "$work/payload" | tr -d ' ')" = 02214c18 ] && command -v lz4 >/dev/null; then
  lz4 -d -q -c "$work/payload" >"$work/guest/vmlinuz"
else
  cp "$image" "$work/guest/vmlinuz"
fi

# --- the tree that both the initramfs and the root disk have ----------------------------------------------------
for name in bin sbin lib dev proc sys run root tmp etc modules; do mkdir -p "$work/tree/$name"; done
cp "$busybox" "$work/tree/bin/busybox"
"$busybox" --list | while read -r applet; do
  [ "$applet" = busybox ] || ln -s busybox "$work/tree/bin/$applet"
done
cp "$here/guest/disks.sh" "$work/tree/lib/"
cp "$here/guest/welcome" "$work/tree/sbin/welcome"
chmod 755 "$work/tree/sbin/welcome"

# --- the root disk ----------------------------------------------------------------------------------------------
printf 'This file lives on the disk image .cache/guest/root.img of the host.\n' >"$work/tree/hello.txt"
rm -f "$work/guest/root.img"
truncate -s 64M "$work/guest/root.img"
mke2fs -q -t ext2 -L root -d "$work/tree" "$work/guest/root.img"

# --- the initramfs ----------------------------------------------------------------------------------------------
modules() {
  list=$1
  shift
  for module in "$@"; do
    file=$(find "$work/deb/kernel/lib/modules" -name "$module.ko" | head -n 1)
    [ -n "$file" ] || continue # built into this kernel
    cp "$file" "$work/tree/modules/"
    echo "$module" >>"$work/tree/modules/$list"
  done
}
modules virtio.order virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_console virtio_blk
modules power.order button evdev
modules ide.order scsi_common scsi_mod libata ata_piix sd_mod cdrom sr_mod
cp "$here/guest/init" "$work/tree/init"
chmod 755 "$work/tree/init"
(cd "$work/tree" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet) >"$work/guest/initrd"

# --- the data disk ----------------------------------------------------------------------------------------------
printf 'Hello from the second disk: it came while the guest was running.\n' >"$work/data"
truncate -s 64M "$work/data"
qemu-img convert -q -f raw -O qcow2 "$work/data" "$work/guest/data.qcow2"

echo "$recipe" >"$work/guest/recipe"
rm -rf "$to"
mv "$work/guest" "$to"
echo "guest.sh: made $to: vmlinuz, initrd, root.img, data.qcow2"
