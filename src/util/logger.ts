export type LogLevel = "trace" | "debug" | "info" | "warning" | "error" | "fatal";

/** Where the agent tells what it does. Results for people and scripts go to stdout instead. */
export type Logger = (level: LogLevel, message: string) => void;
