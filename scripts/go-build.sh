# Builds programs in Go and tells how much of it is done: in place on a terminal, else at each tenth.

# go_build FOLDER -- ARGUMENTS… -- PACKAGES…
go_build() {
  local folder=$1 arguments=() all
  shift 2
  while [ "$1" != -- ]; do arguments+=("$1"); shift; done
  shift
  all=$(cd "$folder" && go list -deps "$@" | wc -l)
  (cd "$folder" && go build -v -trimpath "${arguments[@]}" "$@" 2>&1) | packages_of "$all"
}

# `go build -v` names each package that it compiles on a line of its own; whatever else it says is for people.
packages_of() {
  local all=$1 done=0 told=0 began=$SECONDS line
  while IFS= read -r line; do
    case $line in
      *[[:space:]:]* | '') printf '%s\n' "$line" >&2; continue ;;
    esac
    done=$((done + 1))
    if [ -t 1 ]; then printf '\r   %d of at most %d packages, %d s ' "$done" "$all" "$((SECONDS - began))"
    elif [ $((done * 10 / all)) -gt $told ]; then
      told=$((done * 10 / all))
      printf '   %d of at most %d packages, %d s\n' "$done" "$all" "$((SECONDS - began))"
    fi
  done
  if [ -t 1 ] && [ $done -gt 0 ]; then printf '\n'; fi
}
