# shellcheck shell=sh
# Disks by the names that domain.cfg gives them. Sourced by the example guest's two scripts.

# vdev_of KERNEL_NAME: a virtio disk carries its name as its serial, an IDE disk has its name by its place.
vdev_of() {
  if [ -s "/sys/block/$1/serial" ]; then
    read -r vdev <"/sys/block/$1/serial"
    return
  fi
  case $(readlink -f "/sys/block/$1/device") in
    */ata1/*:0:0:0) vdev=hda ;;
    */ata1/*:0:1:0) vdev=hdb ;;
    */ata2/*:0:0:0) vdev=hdc ;;
    */ata2/*:0:1:0) vdev=hdd ;;
    *) vdev=$1 ;;
  esac
}

# size_of KERNEL_NAME: the size in words.
size_of() {
  case $1 in sr*) size=CD-ROM && return ;; esac
  read -r sectors <"/sys/block/$1/size"
  if [ "$sectors" -ge 2048 ]; then size="$((sectors / 2048)) MiB"; else size="$((sectors / 2)) KiB"; fi
}

# remember KERNEL_NAME: notes the disk under /run/disks and gives it its own name in /dev.
remember() {
  vdev_of "$1"
  size_of "$1"
  echo "$vdev $size" >"/run/disks/$1"
  [ -e "/dev/$vdev" ] || ln -s "$1" "/dev/$vdev"
}

# The kernel names of all disks there are now.
disks() {
  for path in /sys/block/vd* /sys/block/xvd* /sys/block/sd* /sys/block/sr*; do
    [ ! -e "$path" ] || echo "${path##*/}"
  done
}
