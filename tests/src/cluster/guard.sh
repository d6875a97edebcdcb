# Outlives the process of the tests, by a pipe that ends with it however it ends, and clears up behind it: kills the
# processes that were named, and removes the folder, unless it is to be kept.
folder=$1
running=
while read -r verb process; do
  case $verb in
    watch) running="$running $process" ;;
    forget)
      others=
      for other in $running; do
        [ "$other" = "$process" ] || others="$others $other"
      done
      running=$others
      ;;
  esac
done
for process in $running; do
  kill -KILL "$process" 2>/dev/null
done
# What was killed writes no more once it is gone, or a zombie that nobody reaps.
is_gone() {
  kill -0 "$1" 2>/dev/null || return 0
  case $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) in
    Z* | '') return 0 ;;
  esac
  return 1
}
for process in $running; do
  until is_gone "$process"; do
    sleep 0.05
  done
done
[ -e "$folder/keep" ] || rm -rf -- "$folder"
