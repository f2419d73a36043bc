import type { Command } from "commander";
import type { CliIo } from "../../agent/io.ts";
import { registerSignal } from "./check-update.ts";

export const register = (program: Command, io: CliIo): void =>
  registerSignal(program, io, "send-inventory", "make the running daemon send the inventory now", "SIGUSR2");
