/** A server to which nobody is connected any more ends after so many seconds; */
const IDLE_SECONDS = 60;
/** and after so many if the driver's way to its keeper is broken as well. */
const ORPHAN_SECONDS = 5;

/**
 * The program of the container beside the server's, whose processes and network these share: when it ends, the kernel
 * ends the server. An image of NATS need not have a shell, and a server alone would outlive a driver that is killed; so
 * this one counts the connections to it, and goes when there have been none for a while.
 *
 * It reads the server's port, once that is known.
 */
export const NATS_KEEPER = `
const { readFileSync } = require("node:fs");
let text = "", isOrphan = false, idle = 0;
process.stdin.setEncoding("utf8").on("data", (more) => { text += more; }).on("end", () => { isOrphan = true; });
const isUsed = () => {
  const port = parseInt(text, 10);
  return ["/proc/net/tcp", "/proc/net/tcp6"].some((file) => {
    let lines = [];
    try { lines = readFileSync(file, "utf8").split("\\n").slice(1); } catch {}
    return lines.some((line) => {
      const [, local = "", , state] = line.trim().split(/\\s+/);
      return state === "01" && parseInt(local.split(":")[1], 16) === port;
    });
  });
};
setInterval(() => {
  idle = isUsed() ? 0 : idle + 1;
  if (idle >= (isOrphan ? ${ORPHAN_SECONDS} : ${IDLE_SECONDS})) process.exit(0);
}, 1000);
`;
