/**
 * What no single command does, as scripts of fixed text: values come in as positional parameters only, so
 * nothing that a pod's author chose is ever read as shell. POSIX sh with GNU coreutils and findutils.
 */
import type { FileOp } from '../link/link.ts';

/** Exit codes of `mkdirWithin`. */
export const leadsOut = 21;

/**
 * $1 root, $2 relative path. The shell's own working folder is what it has hold of: a folder that is swapped
 * for a link after `cd` changes nothing any more, and `mkdir` never follows a link at the end.
 */
export const mkdirWithin = `
set -eu
cd -P -- "$1"
prefix=$(pwd -P)
prefix=\${prefix%/}/
mode=$(stat -c %a .)
rest=$2/
while [ -n "$rest" ]; do
  part=\${rest%%/*}
  rest=\${rest#*/}
  if [ -z "$part" ] || [ "$part" = . ]; then continue; fi
  made=
  if ! [ -e "./$part" ] && ! [ -L "./$part" ]; then
    mkdir -- "./$part"
    made=yes
  fi
  if ! [ -d "./$part" ]; then
    if [ -e "./$part" ] && [ -z "$rest" ]; then exit 0; fi
    echo "not a directory" >&2
    exit 20
  fi
  cd -P -- "./$part"
  case $(pwd -P)/ in
    "$prefix"*) ;;
    *) echo "leads out of the volume" >&2; exit ${String(leadsOut)} ;;
  esac
  if [ -n "$made" ]; then chmod "$mode" .; fi
done
`;

/**
 * $1 folder, $2 path below it, $3 head or tail, $4 bytes: what openWithin (local-open.ts) reads, by what
 * every shell has. The shell's own working folder is what it has hold of; the file is looked at once more
 * when it is open, and has to be the one of that name in that folder. Nothing but what just was a regular
 * file is opened.
 */
export const readWithin = `
set -u
exec 6>&2 2>/dev/null
no() { echo "$1" >&6; exit 1; }
here() { d=$(pwd -P); d=\${d%/}/; case $d in "$root"*) ;; *) no "leads out of the volume" ;; esac; }
root=; cd -P -- "$1" || no "no such file or directory"
here; root=$d; rest=$2; links=0
while [ -n "$rest" ]; do
  part=\${rest%%/*}
  case $rest in */*) rest=\${rest#*/} ;; *) rest= ;; esac
  case $part in
  ""|.) continue ;;
  ..) if [ "$d" != "$root" ]; then cd -P .. && here || no "no such file or directory"; fi; continue ;;
  esac
  if [ -L "./$part" ]; then
    links=$((links + 1)); [ $links -le 40 ] || no "too many levels of symbolic links"
    to=$(readlink -n "./$part" && echo x) || no "no such file or directory"
    to=\${to%x}
    case $to in /*) cd -P -- "$root" && here || no "no such file or directory" ;; esac
    rest=$to/$rest
  elif [ -d "./$part" ]; then
    cd -P -- "./$part" && here || no "no such file or directory"
  elif [ -f "./$part" ]; then
    case $rest in *[!./]*) no "not a directory" ;; esac
    {
      [ -f /proc/self/fd/4 ] && [ "$(readlink -n /proc/self/fd/4 && echo x)" = "$d\${part}x" ] || no "changed while it was opened"
      "$3" -c "$4" <&4 || no "input/output error"
      exit 0
    } 4<"./$part"
    no "permission denied"
  elif [ -e "./$part" ]; then
    no "is not a regular file"
  else
    no "no such file or directory"
  fi
done
no "is a directory"
`;

/**
 * $1 path, $2 gid, $3 mode change of everything (ug+rw), $4 of folders (ug+rwx,g+s), $5 a folder's bits that
 * $4 gives, $6 yes: only if the root mismatches. A changed group drops setuid and setgid bits of files, which
 * are given back.
 */
export const ownTree = `
set -u
[ -e "$1" ] || { echo "no such file or directory" >&2; exit 1; }
find "$1" -maxdepth 0 -execdir true {} + || { echo "the host's find can't do it: install findutils" >&2; exit 1; }
if [ "$6" = yes ] && [ -n "$(find "$1" -maxdepth 0 -type d -gid "$2" -perm -"$5")" ]; then exit 0; fi
find "$1" ! -gid "$2" -type f -perm -4000 -perm -2000 -execdir chgrp -h "$2" {} \\; -execdir chmod ug+s {} \\;
find "$1" ! -gid "$2" -type f -perm -4000 -execdir chgrp -h "$2" {} \\; -execdir chmod u+s {} \\;
find "$1" ! -gid "$2" -type f -perm -2000 -execdir chgrp -h "$2" {} \\; -execdir chmod g+s {} \\;
find "$1" -mindepth 1 -depth ! -gid "$2" -execdir chgrp -h "$2" {} +
chmod -R -- "$3" "$1"
find "$1" -mindepth 1 -depth -type d ! -perm -"$5" -execdir chmod "$4" {} \\;
chgrp -h -- "$2" "$1"
if [ -d "$1" ]; then chmod -- "$4" "$1"; fi
exit 0
`;

/** The arguments of `ownTree`. */
export function ownTreeArguments({
  path,
  gid,
  readOnly,
  onlyOnRootMismatch,
}: Extract<FileOp, { op: 'own-tree' }>): string[] {
  const [all, folders, bits] = readOnly ? ['ug+r', 'ug+rx,g+s', '2550'] : ['ug+rw', 'ug+rwx,g+s', '2770'];
  return [path, String(gid), all, folders, bits, onlyOnRootMismatch ? 'yes' : 'no'].map(String);
}
