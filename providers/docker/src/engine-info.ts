import type Docker from "dockerode";

/** What an engine says of itself, as far as it matters here. */
export interface EngineInfo {
  /** `"Docker Desktop"` */
  readonly OperatingSystem: string;
  /** Its clock, in the format of ISO 8601. */
  readonly SystemTime: string;
}

export function infoOf(docker: Docker): Promise<EngineInfo> {
  return docker.info() as Promise<EngineInfo>;
}
