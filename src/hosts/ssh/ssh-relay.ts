/**
 * How a user who is no root reaches the runtime's socket: a relay under sudo, where sshd itself may not open
 * it.
 */

/** Copies both ways between its own standard input and output and the socket given as argument. */
const perl = [
  'my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "$ARGV[0]: $!\\n";',
  'sub copy { my ($in, $out) = @_; while (sysread($in, my $b, 65536)) { my $at = 0;',
  'while ($at < length $b) { my $n = syswrite($out, $b, length($b) - $at, $at); return unless defined $n; $at += $n } } }',
  'my $p = fork; if (!$p) { copy(*STDIN, $s); shutdown($s, 1); exit }',
  'copy($s, *STDOUT); kill 9, $p;',
].join(' ');

/**
 * With perl, which Debian, Ubuntu, Fedora and SUSE have in their smallest installation, or socat. The socket
 * is "$0".
 */
const script = [
  `if command -v perl >/dev/null; then exec perl -MIO::Socket::UNIX -e '${perl}' "$0"; fi`,
  `if command -v socat >/dev/null; then exec socat - "UNIX-CONNECT:$0"; fi`,
  'echo "neither perl nor socat is there: install one, or let the user open the socket" >&2; exit 1',
].join('\n');

export function relayCommand(socket: string): readonly string[] {
  return ['sudo', '-n', 'sh', '-c', script, socket];
}
