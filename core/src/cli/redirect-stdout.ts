/**
 * Sends what this process writes to stdout to stderr instead.
 *
 * @returns writes to the real stdout
 */
export function redirectStdout(): (text: string) => void {
  const { stdout, stderr } = process;
  const write = stdout.write.bind(stdout);
  stdout.write = stderr.write.bind(stderr) as typeof stdout.write;
  return write;
}
