import type { Command } from "commander";
import { registerSignal } from "./check-update.ts";
import type { CliIo } from "./io.ts";

export const register = (program: Command, io: CliIo): void =>
  registerSignal(program, io, "send-inventory", "make the running daemon send the inventory now", "SIGUSR2");
