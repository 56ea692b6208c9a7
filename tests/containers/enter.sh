# What a container engine does for `docker run --read-only --tmpfs /tmp --user USER:GROUP -v WORK:/work`,
# as the first process of new mount and pid namespaces. IMAGE_TMPFS=exec is `--tmpfs /tmp:exec`.
#
#     enter.sh IMAGE USER GROUP WORK COMMAND…
#
# IMAGE is a directory with the files of an image. An empty directory in its /usr stands for the one
# of this machine.
set -e
image=$1 user=$2 group=$3 work=$4
shift 4
mount --make-rprivate /
mount --bind "$image" "$image"
cd "$image"
for part in usr/*; do
    rmdir "$part" 2>/dev/null || continue
    mkdir "$part"
    mount --bind "/$part" "$part"
    mount -o remount,ro,bind "$part"
done
mount -t proc proc proc
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom; do
    : >"dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
mount -t tmpfs -o "mode=1777,${IMAGE_TMPFS:-noexec},nosuid,nodev" tmpfs tmp
mount --bind "$work" work
mount -o remount,ro,bind .
exec unshare --root . --wd /work --setgid "$group" --setuid "$user" -- "$@"
