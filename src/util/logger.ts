export type LogLevel = "trace" | "debug" | "info" | "warning" | "error" | "fatal";

/** Logs the agent's activity. Results for users and scripts go to stdout instead. */
export type Logger = (level: LogLevel, message: string) => void;
