# Becomes the program that it is given, as root in a mount namespace of its own: nothing but devices can be written to, as
# with readOnlyRootFilesystem.
set -e
while read -r _ target _; do
  case $target in
    /proc | /proc/* | /sys | /sys/* | /dev | /dev/*) ;;
    *) mount -o remount,bind,ro "$target" ;;
  esac
done </proc/self/mounts
exec "$@"
