import { QueryClient } from "@tanstack/react-query";
import { Refused } from "./api/client.ts";

const TRIES = 3;

/** What was read is read again when it is shown next, when an event says so, and when the window gets the focus. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5000,
      // What the server refuses, it refuses the next time, too.
      retry: (failures, error) =>
        failures < TRIES && !(error instanceof Refused && error.status >= 400 && error.status < 500),
      refetchInterval: ({ state }) => (state.error === null ? false : 10_000),
    },
  },
});
