/**
 * The program that works on the files of a far host: one POSIX shell that is kept running, reads requests
 * from its standard input and answers on its standard output. It needs what Debian's and busybox's userlands
 * share.
 *
 * I1. Nothing that is read becomes code: words are decoded into positional parameters and only ever used
 *     quoted.
 * I2. Every line begins with the session's secret key, and so does every answer: a file's bytes can be taken
 *     for neither.
 * I3. A step that fails skips the rest of its request, and leaves the input where the next request begins.
 *
 *   request  KEY VERB BYTES WORD… \n DATA  (once or more)  KEY end SEQUENCE \n
 *   answer   PAYLOAD \n KEY SEQUENCE ok|error … \n
 */
import { MOUNT_FAILED } from './remote-encoding.ts';
import { remoteLooks } from './remote-looks.ts';
import { remoteOps } from './remote-ops.ts';
import { remoteQueries, STAT_FORMAT } from './remote-queries.ts';
import { usageVerb } from './usage-program.ts';

const functions = {
  ...remoteQueries,
  ...remoteLooks,
  ...usageVerb,
  ...Object.fromEntries(Object.values(remoteOps).flatMap(({ shell }) => Object.entries(shell))),
};

/** For awk: a line of the mount table is of $P, or of what is below it. */
const isBelow =
  'ENVIRON[\\"P\\"] == \\"/\\" || \\$5 == ENVIRON[\\"P\\"] || index(\\$5, ENVIRON[\\"P\\"] \\"/\\") == 1';

const program = `LC_ALL=C; PATH="$PATH:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"; export LC_ALL PATH
IFS=" "; umask 022; set -f; exec 3>&1 5<&0 </dev/null
STAT="${STAT_FORMAT}"; W=none; ONE_FS=; NOSWAP=,noswap; RAW=; INODES=
LF="
"; NL=$(printf "\\037"); RS=$(printf "\\036")
mount --version 2>/dev/null | grep -q util-linux && RAW=--no-canonicalize
du -s --inodes /dev/null >/dev/null 2>&1 && INODES=yes
rm -f --one-file-system 2>/dev/null && ONE_FS=--one-file-system
fail() { [ -n "$E" ] || E="$I $1 $(printf %s "$2" | tr "\\n\\r" "  ")"; return 1; }
run() { e=$("$@" 2>&1 >/dev/null) || fail - "\${e:-$1 failed}"; }
made() {
  e=$(mkdir -p "$1" 2>&1) || [ -d "$1" ] && return
  p=$1
  while ! [ -e "$p" ] && ! [ -L "$p" ]; do q=$p; p=\${p%/*}; p=\${p:-/}; done
  if [ -d "$p" ]; then p=$q; elif [ -e "$p" ]; then e="Not a directory"; else e="File exists"; fi
  fail - "$p$RS$e"
}
say() { e=$("$@" 2>&1 >&3) || fail - "\${e:-$1 failed}"; }
regular() { [ -f "$1" ] || if [ -d "$1" ]; then fail - "is a directory"; elif [ -e "$1" ]; then fail - "is not a regular file"; else fail - "no such file or directory"; fi; }
take() { dd bs="$1" count=1 iflag=fullblock status=none <&5; }
own() { case "$2:$3" in -:-) return 0 ;; -:*) o=":$3" ;; *:-) o=$2 ;; *) o="$2:$3" ;; esac; run chown -h "$o" "$1"; }
unseen() { fail - "the table of mounts can't be read"; }
bare() { m=$(P=$1 awk "${isBelow} { print \\$5 }" /proc/self/mountinfo) || { unseen; return; }; [ -z "$m" ] || fail conflict "$m still mounted$2"; }
ends_below() { P=$1 awk "${isBelow} { t = \\"-\\"; for (i = 6; i < NF; i++) if (\\$i == \\"-\\" && \\$(i + 1) ~ /^nfs4?\\$/) t = \\"=\\"; L[++n] = t \\$5; for (o in O) if (index(\\$5, o \\"/\\") == 1) { H[o]; next } O[\\$5] } END { for (h in H) print \\"+\\" h; for (; n; n--) print L[n] }" /proc/self/mountinfo; }
mounted() { P=$1 awk "\\$5 == ENVIRON[\\"P\\"] { f = 1 } END { exit !f }" /proc/self/mountinfo; }
attach() { s=$1; p=$2; shift 2; e=$(mount "$@" -- "$s" "$p" 2>&1) || fail - "${MOUNT_FAILED}exit status $?$NL""Mounting command: mount$NL""Mounting arguments: $* $s $p$NL""Output: $e"; }
unescape() { case $1 in *\\\\*) q=$(printf "%bx" "$(printf %s "$1" | sed "s/[\\\\]/&0/g")"); q=\${q%x} ;; *) q=$1 ;; esac; }
put() { printf "%s\\n%s" "\${#1}" "$1"; }
same() { [ "$(stat -L -c "%i %d" /proc/self/fd/4)" = "$2 $3" ] && say dd bs="$5" count=1 skip="$4" iflag=skip_bytes,fullblock status=none <&4; }
${Object.entries(functions)
  .map(([verb, body]) => `do_${verb}() {\n${body}\n}`)
  .join('\n')}
IFS= read -r K <&5 || exit
IFS= read -r s </proc/$$/stat; set -- \${s##*) }
printf "farlet %s ready %s %s\\n" "$K" $$ "\${20}"
E=; I=0; M=; F=
while IFS= read -r L <&5; do
  set -- $L
  [ "$1" = "$K" ] || exit 3
  if [ "$2" = end ]; then
    if [ -z "$E" ]; then printf "\\n%s %s ok %s\\n" "$K" "$3" "$M"; else printf "\\n%s %s error %s\\n" "$K" "$3" "$E"; fi
    E=; I=0; M=; F=
    continue
  fi
  V=$2; N=$3; shift 3
  for A; do
    case $A in
    *\\\\*) A=$(printf "%bx" "$A"); A=\${A%x} ;;
    esac
    shift; set -- "$@" "$A"
  done
  [ -n "$E" ] || "do_$V" "$@"
  [ "$N" = 0 ] || take "$N" >/dev/null
  I=$((I + 1))
done
`;

export const remoteProgram: Buffer = Buffer.from(program);

/**
 * The command that starts the program, which comes as the first bytes of its input: so it is short, free of
 * quotes for whatever shell the user logs in to, and the same for every way to start it. Who is not root
 * becomes root by sudo.
 */
export const remoteCommand: readonly [string, string, string] = [
  'sh',
  '-c',
  `${readProgram()}; if [ "$(id -u)" = 0 ]; then eval "$p"; else exec sudo -n sh -c "$p"; fi`,
];

/** The same on the machine that farlet runs on: in farlet's own rights, whatever they are. */
export const localCommand: readonly [string, string, string] = [
  '/bin/sh',
  '-c',
  `${readProgram()}; eval "$p"`,
];

function readProgram(): string {
  return `p=$(dd bs=${String(remoteProgram.length)} count=1 iflag=fullblock 2>/dev/null)`;
}
