import { existsSync } from "node:fs";

const SHELL = "/bin/sh";

/**
 * Starts a command as its child, hands on signals, and ends as it does. Meanwhile the shell reaps whatever ended and has no
 * other parent. `wait` also returns when a signal came; what a terminal sends, it sends to the child as well.
 */
const INIT = `
exec 3<&0
"$@" <&3 3<&- &
child=$!
exec 3<&-
signalled=
signals="HUP TERM USR1 USR2 CONT WINCH"
[ -t 0 ] || signals="$signals INT QUIT"
[ -t 0 ] && trap "signalled=1" INT QUIT
for signal in $signals; do trap "signalled=1; kill -$signal $child 2> /dev/null" $signal; done
while :; do
  wait $child
  code=$?
  [ -n "$signalled" ] || exit $code
  signalled=
  kill -0 $child 2> /dev/null || { wait $child; again=$?; [ $again = 127 ] || code=$again; exit $code; }
done
`;

/**
 * The first process of a container inherits whatever loses its parent, and is to reap it when it ends. Node does not: the
 * command goes on as the child of a shell, which does. Returns where there is no shell, or Node cannot become one.
 */
export function leaveFirstProcess(): void {
  if (process.pid !== 1 || process.execve === undefined || !existsSync(SHELL)) return;
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  process.execve(SHELL, ["sh", "-c", INIT, "muster", ...command], process.env as Record<string, string>);
}
